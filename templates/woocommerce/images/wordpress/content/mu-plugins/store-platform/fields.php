<?php
// The fields of integrations. They are files of a mounted Secret, so that changed ones are used without a restart; their
// names are those in the platform's integrations.yaml.

/**
 * Returns the fields of the first of these integrations that is set, and "folder", where they are; an empty array if
 * none is.
 */
function store_fields( string ...$names ): array {
	foreach ( $names as $name ) {
		$folder = ( getenv( 'INTEGRATIONS_FOLDER' ) ?: '/integrations' ) . "/$name";
		// The kubelet updates all files atomically by changing this link. PHP caches the result of realpath() for minutes.
		$link   = is_link( "$folder/..data" ) ? readlink( "$folder/..data" ) : false;
		$folder = $link === false ? $folder : "$folder/$link";
		$fields = array();
		foreach ( glob( "$folder/*" ) ?: array() as $file ) {
			$fields[ basename( $file ) ] = (string) file_get_contents( $file );
		}
		if ( $fields ) {
			return $fields + array( 'folder' => $folder );
		}
	}
	return array();
}

/** A text in one line, without these secrets. */
function store_without( array $secrets, string $words ): string {
	foreach ( array_filter( $secrets ) as $secret ) {
		$words = str_replace( array( $secret, base64_encode( $secret ) ), '(hidden)', $words );
	}
	return trim( preg_replace( '/\s+/', ' ', $words ) );
}
