<?php
// Handles a shopper's orders one after the other: a form that is submitted twice at once would otherwise create two
// orders, or be refused because the first one holds the goods.

add_action(
	'woocommerce_before_checkout_process',
	function (): void {
		global $wpdb;
		$session  = WC()->session;
		$customer = (string) $session->get_customer_id();
		// The lock ends with this request's connection, after WooCommerce has written the session.
		if ( $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 20)', 'store-checkout-' . md5( $customer ) ) ) !== '1' ) {
			throw new Exception( 'Your order is being placed. Please wait a moment.' );
		}
		$stored = $wpdb->get_var( $wpdb->prepare( "SELECT session_value FROM {$wpdb->prefix}woocommerce_sessions WHERE session_key = %s", $customer ) );
		if ( $stored === null ) {
			return;
		}
		$stored = maybe_unserialize( $stored );
		if ( ! maybe_unserialize( $stored['cart'] ?? '' ) ) {
			throw new Exception( 'Your order has been placed already.' );
		}
		foreach ( array( 'order_awaiting_payment', STORE_CARD ) as $name ) {
			if ( array_key_exists( $name, $stored ) ) {
				$session->set( $name, maybe_unserialize( $stored[ $name ] ) );
			}
		}
	}
);

// An order that is placed again within the same second already holds its goods. WooCommerce, which then changes nothing,
// would report that there is not enough stock.
add_action( 'woocommerce_checkout_order_created', 'wc_release_stock_for_order', 9 );
