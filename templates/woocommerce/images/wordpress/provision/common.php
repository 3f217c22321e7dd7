<?php
// What the steps of provisioning share. Each is safe to run again, and beside another one.

/** End with a message that says what must hold. */
function store_fail( string $message ): never {
	fwrite( STDERR, "store-woocommerce: $message\n" );
	exit( 1 );
}

/** Wait until no other step of this database runs; the lock ends with this process' connection. */
function store_alone(): void {
	global $wpdb;
	if ( $wpdb->get_var( "SELECT GET_LOCK('store-woocommerce', 300)" ) !== '1' ) {
		store_fail( 'another provisioning of this database has not ended within 300 s; run it again' );
	}
}
