<?php
// Asks Stripe once whether it accepts the configured keys. Exits with 2 if it never will, with Stripe's message in
// /dev/termination-log.

require dirname( __DIR__ ) . '/html/wp-content/mu-plugins/store-platform/stripe.php';

/** Exit, with the reason why the keys can't be used. */
function store_refuse( string $words, int $code ): never {
	$words = substr( $words, 0, 1024 );
	fwrite( STDERR, "$words\n" );
	file_put_contents( getenv( 'TERMINATION_MESSAGE' ) ?: '/dev/termination-log', $words );
	exit( $code );
}

$keys = store_stripe_keys();
if ( ! $keys ) {
	store_refuse( 'nothing is set for payments', 1 );
}
list( $secret, $publishable ) = array_map( fn( $key ) => explode( '_', $keys[ $key ] )[1], array( 'secretKey', 'publishableKey' ) );
if ( $secret !== $publishable ) {
	store_refuse( "the secret key is a $secret key and the publishable key is a $publishable key", 2 );
}
try {
	// A restricted key may have one permission without the other.
	foreach ( array( '/v1/payment_intents', '/v1/checkout/sessions' ) as $path ) {
		store_stripe_ask( 'GET', $path, array( 'limit' => 1 ) );
	}
} catch ( Store_Stripe_Error $error ) {
	store_refuse( "Stripe: {$error->getMessage()}", in_array( $error->getCode(), array( 401, 403 ), true ) ? 2 : 1 );
}
