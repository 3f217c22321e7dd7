<?php
// Settings of the platform for every shop.

// The provisioning Job migrates the tables to a new version before anything serves it.
add_filter( 'woocommerce_enable_auto_update_db', '__return_false' );

// WP_HTTP_BLOCK_EXTERNAL allows a shop to call itself, but the network policy does not: an owner's page would wait for
// that.
add_filter( 'block_local_requests', '__return_true' );

// Cart and checkout that work without JavaScript: WooCommerce's blocks show nothing without it.
add_filter(
	'woocommerce_create_pages',
	function ( array $pages ): array {
		foreach ( array( 'cart', 'checkout' ) as $name ) {
			if ( isset( $pages[ $name ] ) ) {
				$pages[ $name ]['content'] = "<!-- wp:shortcode -->[woocommerce_$name]<!-- /wp:shortcode -->";
			}
		}
		return $pages;
	}
);
