<?php
// A shopper's orders are taken one after the other: a form that is sent twice at once would otherwise be two orders, or be
// refused because the first one holds the goods back.

add_action(
	'woocommerce_before_checkout_process',
	function (): void {
		global $wpdb;
		$session  = WC()->session;
		$customer = (string) $session->get_customer_id();
		// It ends with this request's connection, after WooCommerce has written the session.
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

// An order that is placed again within the second in which it was placed has its goods already: WooCommerce, which changes
// nothing then, would say that there are not enough of them.
add_action( 'woocommerce_checkout_order_created', 'wc_release_stock_for_order', 9 );
