<?php
// Activates WooCommerce, and migrates its tables to its version.

require __DIR__ . '/common.php';

/**
 * Takes the lock before WooCommerce is loaded, because loading installs it; a killed run has left WooCommerce's own
 * lock behind.
 */
function store_unlock_woocommerce(): void {
	store_alone();
	delete_option( 'wc_installing' );
	delete_transient( 'wc_installing' );
}

$GLOBALS['wp_filter']['muplugins_loaded'][10]['store'] = array(
	'function'      => 'store_unlock_woocommerce',
	'accepted_args' => 0,
);
require dirname( __DIR__ ) . '/html/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';

const STORE_PLUGIN = 'woocommerce/woocommerce.php';

if ( ! file_exists( WP_PLUGIN_DIR . '/' . STORE_PLUGIN ) ) {
	store_fail( 'WooCommerce must be in ' . WP_PLUGIN_DIR . ': build the image with it' );
}
if ( ! is_plugin_active( STORE_PLUGIN ) ) {
	$failed = activate_plugin( STORE_PLUGIN );
	if ( is_wp_error( $failed ) ) {
		store_fail( "WooCommerce can't be activated: " . $failed->get_error_message() );
	}
}
require_once WC_ABSPATH . 'includes/class-wc-install.php';
require_once WC_ABSPATH . 'includes/wc-update-functions.php';
// The installer writes the version last: if it is missing, the installer was killed.
if ( get_option( 'woocommerce_version' ) !== WC()->version ) {
	WC_Install::install();
}
$before = get_option( 'woocommerce_db_version' );
if ( $before ) {
	foreach ( WC_Install::get_db_update_callbacks() as $version => $updates ) {
		if ( version_compare( $before, $version, '<' ) ) {
			array_map( 'call_user_func', $updates );
		}
	}
}
WC_Install::update_db_version();
// The same updates again, by the action scheduler.
WC()->queue()->cancel_all( 'woocommerce_run_update_callback' );
