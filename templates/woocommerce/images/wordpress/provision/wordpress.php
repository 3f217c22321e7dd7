<?php
// WordPress' own tables, its administrator, and how its addresses look; or what a newer version changes in them.

require __DIR__ . '/common.php';
define( 'WP_INSTALLING', true );
/** Nobody waits for a mail that a new site is there. */
function wp_new_blog_notification() {}

require dirname( __DIR__ ) . '/html/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

store_alone();
if ( is_blog_installed() ) {
	wp_upgrade();
} else {
	wp_install( store_setting( 'SHOP_TITLE' ), 'admin', store_setting( 'ADMIN_EMAIL' ), true, '', store_setting( 'ADMIN_PASSWORD' ) );
	update_option( 'permalink_structure', '/%postname%/' );
	update_option( 'default_comment_status', 'closed' );
	// What WordPress shows of itself: a shop has no use for it.
	wp_delete_post( 1, true );
	wp_delete_post( 2, true );
}
