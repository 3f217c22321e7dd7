<?php
// WordPress' own tables, its administrator, and how its addresses look; or what a newer version changes in them.

require __DIR__ . '/common.php';
define( 'WP_INSTALLING', true );
// Of a try that was killed some tables may be there and not others, which WordPress takes for a broken database and gives
// up, unless it is being repaired.
if ( store_half_made() ) {
	define( 'WP_REPAIRING', true );
}
/** Nobody waits for a mail that a new site is there. */
function wp_new_blog_notification() {}
/** No sample post or page: a shop has no use for them, and a second try would make them twice. */
function wp_install_defaults() {}

/** Whether the database has tables, and not yet the first thing that WordPress writes into them. */
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

/** Whether installing came to its end once; in shops of earlier releases, whether what came after it did. */
function store_installed(): bool {
	return get_option( 'store_platform_installed' ) || get_option( 'store_platform_seeded' );
}

store_alone();
if ( store_installed() ) {
	wp_upgrade();
} else {
	// What a try that was killed has made is found and kept, and the rest made.
	wp_install( store_setting( 'SHOP_TITLE' ), 'admin', store_setting( 'ADMIN_EMAIL' ), true, '', store_setting( 'ADMIN_PASSWORD' ) );
	update_option( 'permalink_structure', '/%postname%/' );
	update_option( 'default_comment_status', 'closed' );
}
store_follow_secret( store_setting( 'ADMIN_EMAIL' ), store_setting( 'ADMIN_PASSWORD' ) );
store_follow_address( store_setting( 'STORE_URL' ) );
update_option( 'store_platform_installed', '1', false );
