<?php
// Asks the configured mail server once whether it accepts the user name and password. Exits with 2 if it never will, with
// the server's reply in /dev/termination-log.

$html = dirname( __DIR__ ) . '/html';
foreach ( array( 'Exception', 'SMTP', 'PHPMailer' ) as $file ) {
	require "$html/wp-includes/PHPMailer/$file.php";
}
require "$html/wp-content/mu-plugins/store-platform/smtp.php";

$server = store_mail_server();
if ( ! $server ) {
	exit( 1 );
}
$mailer = new PHPMailer\PHPMailer\PHPMailer();
store_mail_by( $mailer, $server );
if ( $mailer->smtpConnect() ) {
	$mailer->smtpClose();
	exit( 0 );
}
$said  = $mailer->getSMTPInstance();
$words = substr( store_mail_words( "{$server['host']}: {$said->words}", $server ), 0, 1024 );
fwrite( STDERR, "$words\n" );
file_put_contents( getenv( 'TERMINATION_MESSAGE' ) ?: '/dev/termination-log', $words );
exit( $said->code >= 500 ? 2 : 1 );
