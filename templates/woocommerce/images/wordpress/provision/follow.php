<?php
// Updates what depends on the Store's address, its Secret and its price format, in data that may come from another store or
// from before a move. The last applied value is stored in the database, so that it is part of a backup, and nothing is done
// twice.

const STORE_FOLLOWED = 'store_platform_followed';

/** Lets the administrator sign in with this e-mail address and password, unless they were set already. */
function store_follow_secret( string $email, string $password ): void {
	$now   = array( 'email' => $email, 'password' => hash( 'sha256', $password ) );
	$known = get_option( STORE_FOLLOWED, array() )['admin'] ?? array();
	$user  = get_user_by( 'login', 'admin' );
	if ( $known === $now || ! $user ) {
		return;
	}
	if ( ( $known['password'] ?? '' ) !== $now['password'] ) {
		wp_set_password( $password, $user->ID );
	}
	// An address that the owner chose in the admin is kept.
	if ( $user->user_email === ( $known['email'] ?? $user->user_email ) && $user->user_email !== $email ) {
		add_filter( 'send_email_change_email', '__return_false' );
		wp_update_user( array( 'ID' => $user->ID, 'user_email' => $email ) );
	}
	store_followed( 'admin', $now );
}

/** Changes the addresses in posts, options and similar tables from the last applied one to this one. */
function store_follow_address( string $url ): void {
	global $wpdb;
	$known = get_option( STORE_FOLLOWED, array() )['url'] ?? $url;
	if ( $known !== $url ) {
		foreach ( array( 'post_content', 'post_excerpt' ) as $column ) {
			// Blocks store their settings as JSON.
			foreach ( array( array( "$known/", "$url/" ), array( store_in_json( "$known/" ), store_in_json( "$url/" ) ) ) as list( $old, $new ) ) {
				$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->posts} SET $column = REPLACE($column, %s, %s)", $old, $new ) );
			}
		}
		store_follow_values( $wpdb->options, 'option_id', 'option_value', "$known/", "$url/" );
		store_follow_values( $wpdb->postmeta, 'meta_id', 'meta_value', "$known/", "$url/" );
		store_follow_values( $wpdb->termmeta, 'meta_id', 'meta_value', "$known/", "$url/" );
		wp_cache_flush();
	}
	store_followed( 'url', $url );
}

/** The same for a table of values that may be serialized, which contain lengths. Objects of plugins are kept. */
function store_follow_values( string $table, string $key, string $column, string $old, string $new ): void {
	global $wpdb;
	$like = '%' . $wpdb->esc_like( $old ) . '%';
	$rows = $wpdb->get_results( $wpdb->prepare( "SELECT $key AS k, $column AS v FROM $table WHERE $column LIKE %s", $like ) );
	foreach ( $rows as $row ) {
		$value = is_serialized( $row->v ) ? @unserialize( trim( $row->v ), array( 'allowed_classes' => false ) ) : $row->v;
		if ( str_contains( $row->v, 'O:' ) && is_serialized( $row->v ) || ( $value === false && $row->v !== 'b:0;' ) ) {
			continue;
		}
		$moved = map_deep( $value, fn( $each ) => is_string( $each ) ? str_replace( $old, $new, $each ) : $each );
		$wpdb->update( $table, array( $column => maybe_serialize( $moved ) ), array( $key => $row->k ) );
	}
}

/** Sets the Store's price format, or the country's if it is empty. What the owner has set in the admin since then is kept. */
function store_follow_price_format( string $format, string $country ): void {
	if ( $format === ( get_option( STORE_FOLLOWED, array() )['price_format'] ?? '' ) ) {
		return;
	}
	foreach ( $format ? store_prices_as( $format ) : store_usual_prices( $country ) as $name => $value ) {
		update_option( $name, $value );
	}
	store_followed( 'price_format', $format );
}

function store_followed( string $what, $value ): void {
	update_option( STORE_FOLLOWED, array( ...get_option( STORE_FOLLOWED, array() ), $what => $value ), false );
}

function store_in_json( string $text ): string {
	return trim( (string) json_encode( $text ), '"' );
}
