<?php
// The mail server that the shop is connected to.

require_once __DIR__ . '/fields.php';

/**
 * Returns the server for the shop's mails: the one that its owner has set, otherwise the platform's relay; an empty
 * array if there is none.
 */
function store_mail_server(): array {
	return store_fields( 'mail', 'mail-relay' );
}

/**
 * Configures a PHPMailer for that server. An owner's is always encrypted: from the start on port 465, by STARTTLS on
 * any other port. The platform's relay states its encryption in "tls", and its own certificate authorities in "ca".
 */
function store_mail_by( PHPMailer\PHPMailer\PHPMailer $mailer, array $server ): void {
	$mode = $server['tls'] ?? ( $server['port'] === '465' ? 'tls' : 'starttls' );
	$mailer->isSMTP();
	$mailer->setSMTPInstance( store_mail_connection() );
	$mailer->Host        = $server['host'];
	$mailer->Port        = (int) $server['port'];
	$mailer->SMTPSecure  = array( 'tls' => 'ssl', 'starttls' => 'tls', 'none' => '' )[ $mode ];
	$mailer->SMTPAutoTLS = false;
	$mailer->SMTPAuth    = isset( $server['username'] );
	$mailer->Username    = $server['username'] ?? '';
	$mailer->Password    = $server['password'] ?? '';
	$mailer->Timeout     = 10;
	$mailer->SMTPOptions = isset( $server['ca'] ) ? array( 'ssl' => array( 'cafile' => $server['folder'] . '/ca' ) ) : array();
}

/** A connection that keeps the first error: PHPMailer forgets it when it closes the connection. */
function store_mail_connection(): PHPMailer\PHPMailer\SMTP {
	return new class() extends PHPMailer\PHPMailer\SMTP {
		public string $words = '';
		public int $code     = 0;
		// In seconds: the timeout of a reply, because a shopper may wait for the page.
		public $Timelimit = 20;

		protected function setError( $message, $detail = '', $smtp_code = '', $smtp_code_ex = '' ): void {
			if ( $message !== '' && $this->words === '' ) {
				$this->code  = (int) $smtp_code;
				$this->words = trim( $detail === '' ? "$message $smtp_code_ex" : "$smtp_code $smtp_code_ex $detail" );
			}
			parent::setError( $message, $detail, $smtp_code, $smtp_code_ex );
		}
	};
}

/** An error of a server or of PHPMailer, without the password. */
function store_mail_words( string $words, array $server ): string {
	return store_without( array( $server['password'] ?? '' ), $words );
}
