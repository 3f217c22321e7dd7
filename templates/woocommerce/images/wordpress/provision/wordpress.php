<?php
// Installs WordPress' own tables, its administrator and its permalinks, or migrates them to a newer version.

require __DIR__ . '/common.php';
define( 'WP_INSTALLING', true );
// After a killed run some tables may be missing. WordPress would treat that as a broken database and stop, unless it is
// in repair mode.
if ( store_half_made() ) {
	define( 'WP_REPAIRING', true );
}
/** Sends no mail that a new site exists. */
function wp_new_blog_notification() {}
/** No sample post or page: a shop has no use for them, and a second run would create them twice. */
function wp_install_defaults() {}

/** Whether the database has tables, but not yet the first row that WordPress writes into them. */
function store_half_made(): bool {
	mysqli_report( MYSQLI_REPORT_OFF );
	[$host, $port] = explode( ':', getenv( 'DATABASE_HOST' ) . ':3306' );
	$names         = array_map( 'getenv', array( 'DATABASE_USER', 'DATABASE_PASSWORD', 'DATABASE_NAME' ) );
	$database      = mysqli_connect( $host, ...$names, port: (int) $port );
	if ( ! $database || ! $database->query( "SHOW TABLES LIKE 'wp\\_%'" )->num_rows ) {
		return false;
	}
	$found = $database->query( "SELECT 1 FROM wp_options WHERE option_name = 'siteurl'" );
	return ! $found || ! $found->num_rows;
}

require dirname( __DIR__ ) . '/html/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require __DIR__ . '/follow.php';

/** Whether an installation was completed; in shops of earlier releases, whether the step after it was. */
function store_installed(): bool {
	return get_option( 'store_platform_installed' ) || get_option( 'store_platform_seeded' );
}

store_alone();
if ( store_installed() ) {
	wp_upgrade();
} else {
	// What a killed run has created is found and kept, and the rest created.
	wp_install( store_setting( 'SHOP_TITLE' ), 'admin', store_setting( 'ADMIN_EMAIL' ), true, '', store_setting( 'ADMIN_PASSWORD' ) );
	update_option( 'permalink_structure', '/%postname%/' );
	update_option( 'default_comment_status', 'closed' );
}
store_follow_secret( store_setting( 'ADMIN_EMAIL' ), store_setting( 'ADMIN_PASSWORD' ) );
store_follow_address( store_setting( 'STORE_URL' ) );
update_option( 'store_platform_installed', '1', false );
