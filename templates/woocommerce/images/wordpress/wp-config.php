<?php
// WordPress as configured by the store's environment. Its files are part of the image: nothing is installed or updated
// in a pod.

function store_setting( string $name ): string {
	$value = getenv( $name );
	if ( $value === false || $value === '' ) {
		throw new RuntimeException( "the environment variable $name must be set" );
	}
	return $value;
}

define( 'DB_HOST', store_setting( 'DATABASE_HOST' ) );
define( 'DB_NAME', store_setting( 'DATABASE_NAME' ) );
define( 'DB_USER', store_setting( 'DATABASE_USER' ) );
define( 'DB_PASSWORD', store_setting( 'DATABASE_PASSWORD' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$table_prefix = 'wp_';

foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $store_use ) {
	foreach ( array( 'KEY', 'SALT' ) as $store_kind ) {
		define( "{$store_use}_{$store_kind}", hash_hmac( 'sha256', "$store_use $store_kind", store_setting( 'SALT' ) ) );
	}
}

define( 'WP_HOME', store_setting( 'STORE_URL' ) );
define( 'WP_SITEURL', WP_HOME );
// Only the Ingress reaches the pod, and it passes on the scheme of the shopper's request.
if ( ( $_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '' ) === 'https' ) {
	$_SERVER['HTTPS'] = 'on';
}

if ( PHP_SAPI === 'cli' ) {
	// A command that fails must report it on stderr, not as a page.
	define( 'WP_DISABLE_FATAL_ERROR_HANDLER', true );
} else {
	// Only the provisioning Job installs a shop. Where WordPress would send visitors to its installer, because it finds no
	// tables, it reports that it is unavailable.
	header_register_callback(
		function (): void {
			foreach ( headers_list() as $header ) {
				if ( preg_match( '#^Location:.*/wp-admin/(install|setup-config|upgrade)\.php#i', $header ) ) {
					header_remove( 'Location' );
					header( 'Retry-After: 10' );
					header( 'HTTP/1.1 503 Service Unavailable' );
				}
			}
		}
	);
}

define( 'DISABLE_WP_CRON', true );
define( 'DISALLOW_FILE_MODS', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
// The store's network policy blocks egress, so a page need not wait for a timeout.
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'WP_TEMP_DIR', '/tmp' );
// WordPress may raise its limit to these values: the plan's memory allows them, and no more for the admin.
define( 'WP_MEMORY_LIMIT', store_setting( 'PHP_MEMORY_LIMIT' ) );
define( 'WP_MAX_MEMORY_LIMIT', WP_MEMORY_LIMIT );
define( 'WP_DEBUG', false );

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
