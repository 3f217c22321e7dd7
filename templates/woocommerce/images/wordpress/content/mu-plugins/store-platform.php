<?php
// What the platform decides for every shop.

// The provisioning Job brings the tables to a new version, before anything of it serves.
add_filter( 'woocommerce_enable_auto_update_db', '__return_false' );

// WP_HTTP_BLOCK_EXTERNAL lets a shop ask itself, which the network policy does not: an owner's page would wait for that.
add_filter( 'block_local_requests', '__return_true' );

// Cart and checkout that work without JavaScript: WooCommerce's blocks show nothing then.
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
