<?php
// Stripe, with the current keys: https://docs.stripe.com/api

require_once __DIR__ . '/fields.php';

const STORE_STRIPE_VERSION   = '2024-06-20';
const STORE_STRIPE_TOLERANCE = 300;
// Currencies that do not have two decimals: https://docs.stripe.com/currencies#zero-decimal
const STORE_STRIPE_NO_DECIMALS    = array( 'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF' );
const STORE_STRIPE_THREE_DECIMALS = array( 'BHD', 'JOD', 'KWD', 'OMR', 'TND' );

/** Stripe's error for a failed request; the code is the response's status, or 0 if there was no response. */
class Store_Stripe_Error extends RuntimeException {}

/** Returns the owner's keys; an empty array if there are none. */
function store_stripe_keys(): array {
	$fields = store_fields( 'payments' );
	return ( $fields['provider'] ?? '' ) === 'stripe' ? $fields : array();
}

/**
 * Calls Stripe.
 *
 * @param string $once An idempotency key: a request that is sent again with it is executed only once.
 * @throws Store_Stripe_Error It was not executed, or that is unknown.
 */
function store_stripe_ask( string $method, string $path, array $values = array(), string $once = '' ): array {
	$keys = store_stripe_keys();
	if ( ! $keys ) {
		throw new Store_Stripe_Error( 'no keys are set', 0 );
	}
	$query   = http_build_query( $values );
	$headers = array( 'Stripe-Version: ' . STORE_STRIPE_VERSION );
	if ( $once !== '' ) {
		$headers[] = "Idempotency-Key: $once";
	}
	$curl = curl_init( store_stripe_url( $keys['secretKey'] ) . $path . ( $method === 'GET' && $query !== '' ? "?$query" : '' ) );
	curl_setopt_array(
		$curl,
		array(
			CURLOPT_CUSTOMREQUEST  => $method,
			CURLOPT_HTTPHEADER     => $headers,
			CURLOPT_USERPWD        => "{$keys['secretKey']}:",
			CURLOPT_RETURNTRANSFER => true,
			CURLOPT_CONNECTTIMEOUT => 5,
			CURLOPT_TIMEOUT        => 15,
			CURLOPT_PROXY          => '',
		)
	);
	if ( $method === 'POST' ) {
		curl_setopt( $curl, CURLOPT_POSTFIELDS, $query );
	}
	$text = curl_exec( $curl );
	if ( $text === false ) {
		throw new Store_Stripe_Error( store_stripe_words( curl_error( $curl ), $keys ), 0 );
	}
	$status = (int) curl_getinfo( $curl, CURLINFO_RESPONSE_CODE );
	$answer = json_decode( $text, true );
	if ( $status >= 300 || ! is_array( $answer ) ) {
		$words = is_array( $answer ) ? ( $answer['error']['message'] ?? '' ) : '';
		throw new Store_Stripe_Error( store_stripe_words( $words === '' ? "the answer's status is $status" : $words, $keys ), $status );
	}
	return $answer;
}

/** Stripe's address. Tests replace it by STRIPE_API_URL, which is ignored for keys that move money. */
function store_stripe_url( string $key ): string {
	$url = getenv( 'STRIPE_API_URL' );
	return $url && preg_match( '/^(sk|rk)_test_/', $key ) ? $url : 'https://api.stripe.com';
}

/** Stripe's message, without the keys. */
function store_stripe_words( string $words, array $keys ): string {
	return store_without( array( $keys['secretKey'] ?? '', $keys['webhookSecret'] ?? '' ), $words );
}

/** Returns an amount in the unit in which Stripe counts its currency. */
function store_stripe_units( float $amount, string $currency ): int {
	if ( in_array( $currency, STORE_STRIPE_NO_DECIMALS, true ) ) {
		return (int) round( $amount );
	}
	// With three decimals, the last must be 0.
	return in_array( $currency, STORE_STRIPE_THREE_DECIMALS, true ) ? 10 * (int) round( $amount * 100 ) : (int) round( $amount * 100 );
}

/**
 * Returns the event of a webhook; null if its signature was not made with the owner's secret, or is old:
 * https://docs.stripe.com/webhooks#verify-manually
 */
function store_stripe_event( string $body, string $header ): ?array {
	$secret = store_stripe_keys()['webhookSecret'] ?? '';
	$at     = preg_match( '/(?:^|,)t=(\d{1,12})(?:,|$)/', $header, $found ) ? (int) $found[1] : 0;
	if ( $secret === '' || abs( time() - $at ) > STORE_STRIPE_TOLERANCE ) {
		return null;
	}
	preg_match_all( '/(?:^|,)v1=([0-9a-f]{64})(?=,|$)/', $header, $signatures );
	$expected = hash_hmac( 'sha256', "$at.$body", $secret );
	foreach ( $signatures[1] as $signature ) {
		if ( hash_equals( $expected, $signature ) ) {
			$event = json_decode( $body, true );
			return is_array( $event ) ? $event : null;
		}
	}
	return null;
}
