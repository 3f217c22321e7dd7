<?php
// Waits until the database takes a connection, for 30 s at most. A network policy can refuse a new pod's first
// connections; why there are none later, WordPress reports.

[$host, $port] = explode( ':', getenv( 'DATABASE_HOST' ) . ':3306' );
$deadline = time() + 30;
while ( ! @fsockopen( $host, (int) $port, $code, $message, 5 ) && time() < $deadline ) {
	usleep( 250000 );
}
