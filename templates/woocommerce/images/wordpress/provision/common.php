<?php
// What the steps of provisioning, and cron, share. Each step is idempotent, and safe to run concurrently.

/** Exit with a message that says what must hold. */
function store_fail( string $message ): never {
	fwrite( STDERR, "store-woocommerce: $message\n" );
	exit( 1 );
}

/** WordPress reports fatal errors as a page, and with exit code 0, unless a handler is set. */
function store_die( mixed $message ): never {
	$words = is_wp_error( $message ) ? $message->get_error_message() : (string) $message;
	store_fail( trim( preg_replace( '/\s+/', ' ', html_entity_decode( strip_tags( $words ) ) ) ) );
}

// WordPress keeps hooks that are defined before it is loaded.
$GLOBALS['wp_filter']['wp_die_handler'][10]['store'] = array(
	'function'      => fn() => 'store_die',
	'accepted_args' => 1,
);

/** Waits until no other step of this database runs; the lock ends with this process' connection. */
function store_alone(): void {
	global $wpdb;
	if ( $wpdb->get_var( "SELECT GET_LOCK('store-woocommerce', 300)" ) !== '1' ) {
		store_fail( 'another provisioning of this database has not ended within 300 s; run it again' );
	}
}
