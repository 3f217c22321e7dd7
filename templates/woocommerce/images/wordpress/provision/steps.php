<?php
// The steps of a new shop. Each is safe to run again after a crash.

/** Runs a step unless this shop has completed it. */
function store_once( string $step, callable $work ): void {
	$done = get_option( 'store_platform_seeded', array() );
	if ( in_array( $step, $done, true ) ) {
		return;
	}
	$work();
	update_option( 'store_platform_seeded', array( ...$done, $step ), false );
}

/** Sets the country that the shop sells to, its currency, and the format of prices. */
function store_make_market( string $country, string $currency ): void {
	$locales = store_locales();
	$options = array(
		'woocommerce_default_country'               => $country,
		'woocommerce_allowed_countries'             => 'specific',
		'woocommerce_specific_allowed_countries'    => array( $country ),
		'woocommerce_currency'                      => $currency,
		'woocommerce_coming_soon'                   => 'no',
		'woocommerce_allow_tracking'                => 'no',
		'woocommerce_show_marketplace_suggestions'  => 'no',
		'woocommerce_task_list_hidden'              => 'yes',
		'woocommerce_onboarding_profile'            => array( 'skipped' => true ),
	);
	if ( isset( $locales[ $country ] ) ) {
		$options += array(
			...store_usual_prices( $country ),
			'woocommerce_weight_unit'        => $locales[ $country ]['weight_unit'],
			'woocommerce_dimension_unit'     => $locales[ $country ]['dimension_unit'],
		);
	}
	// The currency's decimals, wherever it is used: a yen has none.
	foreach ( $locales as $locale ) {
		if ( $locale['currency_code'] === $currency ) {
			$options['woocommerce_price_num_decimals'] = $locale['num_decimals'];
		}
	}
	foreach ( $options as $name => $value ) {
		update_option( $name, $value );
	}
	WC_Install::create_pages();
	// The shop is the site's front page.
	update_option( 'show_on_front', 'page' );
	update_option( 'page_on_front', wc_get_page_id( 'shop' ) );
}

/** How prices are written in a country, as options; one that WooCommerce does not know has WooCommerce's own defaults. */
function store_usual_prices( string $country ): array {
	$usual = store_locales()[ $country ] ?? array( 'currency_pos' => 'left', 'thousand_sep' => ',', 'decimal_sep' => '.' );
	return array(
		'woocommerce_currency_pos'       => $usual['currency_pos'],
		'woocommerce_price_thousand_sep' => $usual['thousand_sep'],
		'woocommerce_price_decimal_sep'  => $usual['decimal_sep'],
	);
}

/** The same by a format such as "1.234,56 ¤". */
function store_prices_as( string $format ): array {
	if ( ! preg_match( '/^(¤ ?)?1(.)234(.)56( ?)/u', $format, $found ) ) {
		store_fail( "spec.shop.priceFormat must be a price such as \"1.234,56 ¤\"; \"$format\" is not one" );
	}
	list( , $before, $thousand, $decimal, $space ) = $found;
	$side = $before === '' ? 'right' : 'left';
	return array(
		'woocommerce_currency_pos'       => $side . ( str_contains( $before . $space, ' ' ) ? '_space' : '' ),
		'woocommerce_price_thousand_sep' => strtr( $thousand, array( ' ' => "\u{a0}", "'" => "\u{2019}" ) ),
		'woocommerce_price_decimal_sep'  => $decimal,
	);
}

/** What WooCommerce knows of countries. */
function store_locales(): array {
	return include WC()->plugin_path() . '/i18n/locale-info.php';
}

/** Creates one shipping method within the country. */
function store_make_delivery( string $country ): void {
	// Completes one that a killed run has started.
	$zone = new WC_Shipping_Zone();
	foreach ( WC_Shipping_Zones::get_zones() as $known ) {
		if ( $known['zone_name'] === $country ) {
			$zone = new WC_Shipping_Zone( $known['zone_id'] );
		}
	}
	$zone->set_zone_name( $country );
	if ( ! $zone->get_zone_locations() ) {
		$zone->add_location( $country, 'country' );
	}
	$zone->save();
	$method   = array_key_first( $zone->get_shipping_methods() ) ?? $zone->add_shipping_method( 'flat_rate' );
	$settings = array( 'title' => 'Standard', 'tax_status' => 'taxable', 'cost' => '5' );
	add_option( "woocommerce_flat_rate_{$method}_settings", $settings );
}

/** Enables payment by bank transfer after the order: it needs no account with a provider. */
function store_make_payment(): void {
	update_option( 'woocommerce_bacs_settings', array( 'enabled' => 'yes', 'title' => 'Invoice', 'description' => 'You pay after you have received the goods.' ) );
}

/** Creates goods to try the shop with, until the owner has their own. */
function store_make_catalogue(): void {
	$samples = array(
		'Linen shirt'       => array( '49', 40 ),
		'Stoneware mug'     => array( '18.50', 60 ),
		'Canvas tote bag'   => array( '22', 80 ),
		'Notebook'          => array( '12.90', 120 ),
		'Wool scarf'        => array( '39', 30 ),
		'Beeswax candle'    => array( '24', 50 ),
		'Oak serving board' => array( '35', 25 ),
		'Tea towels'        => array( '16', 0 ),
	);
	foreach ( $samples as $name => list( $price, $stock ) ) {
		$slug = sanitize_title( $name );
		// From a killed run: parts of it may be missing, in tables that are not written again.
		$begun = get_page_by_path( $slug, OBJECT, 'product' );
		if ( $begun ) {
			wc_get_product( $begun->ID )->delete( true );
		}
		$product = new WC_Product_Simple();
		$product->set_name( $name );
		$product->set_slug( $slug );
		$product->set_sku( $slug );
		$product->set_regular_price( $price );
		$product->set_manage_stock( true );
		$product->set_stock_quantity( $stock );
		$product->set_status( 'publish' );
		$product->save();
	}
}
