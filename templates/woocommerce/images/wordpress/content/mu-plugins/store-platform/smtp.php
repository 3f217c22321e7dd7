<?php
// The mail server that the shop is connected to.

require_once __DIR__ . '/fields.php';

/** Where the shop's mails go: the mail server that its owner has set, else the platform's relay; an empty array: nowhere. */
function store_mail_server(): array {
	return store_fields( 'mail', 'mail-relay' );
}

/**
 * Let a PHPMailer send by that server. An owner's is always encrypted: from the start on port 465, by STARTTLS on any other.
 * The platform's relay says by "tls" how it is, and by "ca" which certificate authorities are its own.
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

/** A connection that keeps the first thing that went wrong: PHPMailer forgets it when it closes the connection. */
function store_mail_connection(): PHPMailer\PHPMailer\SMTP {
	return new class() extends PHPMailer\PHPMailer\SMTP {
		public string $words = '';
		public int $code     = 0;
		// In seconds: how long an answer may take, while a shopper may wait for the page.
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

/** What a server or PHPMailer says, without the password. */
function store_mail_words( string $words, array $server ): string {
	return store_without( array( $server['password'] ?? '' ), $words );
}
