<?php
// Waits at most 30 s until the database accepts a connection. A network policy can reject a new pod's first
// connections; WordPress reports later failures.

[$host, $port] = explode( ':', getenv( 'DATABASE_HOST' ) . ':3306' );
$deadline = time() + 30;
while ( ! @fsockopen( $host, (int) $port, $code, $message, 5 ) && time() < $deadline ) {
	usleep( 250000 );
}
