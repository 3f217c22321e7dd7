<?php
// Creates what a new shop needs to sell. Each step is recorded when it is complete: what the owner changed or removed
// afterwards is left as it is, however often this runs.

require __DIR__ . '/common.php';
require dirname( __DIR__ ) . '/html/wp-load.php';
require __DIR__ . '/steps.php';
require __DIR__ . '/follow.php';

store_alone();
// Set before the first order, not when the owner first signs in: above all, which tables orders are stored in.
WC_Install::newly_installed();
$country  = store_setting( 'SHOP_COUNTRY' );
$currency = store_setting( 'SHOP_CURRENCY' );
if ( ! isset( WC()->countries->get_countries()[ $country ] ) ) {
	store_fail( "spec.shop.country must be a country that WooCommerce knows; \"$country\" is not one" );
}
if ( ! isset( get_woocommerce_currencies()[ $currency ] ) ) {
	store_fail( "spec.shop.currency must be a currency that WooCommerce knows; \"$currency\" is not one" );
}
store_once( 'market', fn() => store_make_market( $country, $currency ) );
store_follow_price_format( getenv( 'SHOP_PRICE_FORMAT' ) ?: '', $country );
store_once( "delivery_$country", fn() => store_make_delivery( $country ) );
store_once( 'payment', 'store_make_payment' );
store_once( 'catalogue', 'store_make_catalogue' );
flush_rewrite_rules();
