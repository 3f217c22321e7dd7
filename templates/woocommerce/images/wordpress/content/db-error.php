<?php
// What WordPress shows if it can't reach its database. A command then fails; a page says so, and that the visitor should
// retry.

if ( PHP_SAPI === 'cli' ) {
	$said = mysqli_connect_error() ?: 'it gave no reason';
	fwrite( STDERR, "store-woocommerce: the database can't be used: $said\n" );
	exit( 1 );
}
http_response_code( 503 );
header( 'Retry-After: 10' );
header( 'Content-Type: text/plain; charset=utf-8' );
echo "The shop is not available just now. Please try again in a moment.\n";
