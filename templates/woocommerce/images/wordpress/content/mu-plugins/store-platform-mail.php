<?php
// Sends the shop's mails by the mail server that it is connected to. Each mail is first stored in the database and then
// sent, so that none is lost with a process or a server; an action of the Action Scheduler retries. If it is unknown whether
// the server accepted a mail, it is sent again, with the same Message-ID.

require __DIR__ . '/store-platform/smtp.php';
require_once __DIR__ . '/store-platform/work.php';

const STORE_MAIL_PREFIX = 'store_mail_';
const STORE_MAIL_ACTION = 'store_platform_send_mails';
// In seconds: by then, a process that sends a mail has ended.
const STORE_MAIL_CLAIM   = 10 * MINUTE_IN_SECONDS;
const STORE_MAIL_GIVE_UP = 7 * DAY_IN_SECONDS;
const STORE_MAIL_LONGEST = 12 * HOUR_IN_SECONDS;

/** Stores a mail and sends it; the caller need not know when that succeeds. Without a server, no mail is stored. */
function store_mail_take( $done, array $atts ) {
	if ( $done !== null || store_mail_sending() ) {
		return $done;
	}
	if ( ! store_mail_server() ) {
		return false;
	}
	$name = STORE_MAIL_PREFIX . wp_generate_uuid4();
	$mail = array( 'atts' => $atts, 'home' => WP_HOME, 'store' => getenv( 'STORE_NAME' ), 'made' => time(), 'attempts' => 0, 'next' => time() + STORE_MAIL_CLAIM );
	add_option( $name, $mail, '', false );
	// While the server is known to be unreachable, nobody waits for it.
	if ( get_transient( 'store_mail_down' ) || store_mail_left() <= 0 ) {
		update_option( $name, array( ...$mail, 'next' => time() ), false );
	} else {
		store_mail_send( $name, $mail );
	}
	return true;
}
add_filter( 'pre_wp_mail', 'store_mail_take', 10, 2 );

/** Sends a stored mail: it is removed once the server has accepted it, or when it is abandoned. */
function store_mail_send( string $name, array $mail ): void {
	$atts   = store_mail_moved( $mail );
	$server = store_mail_server();
	$error  = '';
	$failed = function ( WP_Error $why ) use ( &$error ): void {
		$error = trim( $why->get_error_message() . ' ' . ( $GLOBALS['phpmailer']->getSMTPInstance()->words ?? '' ) );
	};
	add_action( 'wp_mail_failed', $failed );
	store_mail_sending( $name );
	$sent = wp_mail( $atts['to'], $atts['subject'], $atts['message'], $atts['headers'], $atts['attachments'], $atts['embeds'] ?? array() );
	store_mail_sending( '' );
	remove_action( 'wp_mail_failed', $failed );
	if ( $sent ) {
		delete_option( $name );
		store_mail_count();
		return;
	}
	$words    = store_mail_words( $error, $server );
	$attempts = $mail['attempts'] + 1;
	$given_up = time() - $mail['made'] > STORE_MAIL_GIVE_UP;
	$wait     = min( 2 ** ( $attempts - 1 ) * MINUTE_IN_SECONDS, STORE_MAIL_LONGEST );
	error_log( "mail: $name was not sent, attempt $attempts: $words" . ( $given_up ? '; it is abandoned' : '' ) );
	if ( str_contains( $error, 'connect' ) || str_contains( $error, 'authenticate' ) ) {
		set_transient( 'store_mail_down', 1, MINUTE_IN_SECONDS );
	}
	if ( $given_up ) {
		delete_option( $name );
	} else {
		update_option( $name, array( ...$mail, 'attempts' => $attempts, 'next' => time() + $wait ), false );
	}
}

/** Returns the mail as it has to be sent: a shop that has moved since has another address. */
function store_mail_moved( array $mail ): array {
	$atts = $mail['atts'];
	if ( $mail['home'] !== WP_HOME ) {
		$atts['message'] = str_replace( $mail['home'], WP_HOME, $atts['message'] );
	}
	return $atts;
}

/** The name of the mail that is being sent; a string sets it. */
function store_mail_sending( ?string $name = null ): string {
	static $sending = '';
	return $sending = $name ?? $sending;
}

/** Sends stored mails, except those of the store that this shop was restored from. */
function store_mail_send_waiting(): void {
	global $wpdb;
	if ( ! store_mail_server() ) {
		return;
	}
	$like  = $wpdb->esc_like( STORE_MAIL_PREFIX ) . '%';
	$names = $wpdb->get_col( $wpdb->prepare( "SELECT option_name FROM $wpdb->options WHERE option_name LIKE %s ORDER BY option_id", $like ) );
	delete_transient( 'store_mail_down' );
	foreach ( $names as $name ) {
		$mail = get_option( $name );
		if ( ! is_array( $mail ) || $mail['store'] !== getenv( 'STORE_NAME' ) || $mail['next'] > time() ) {
			continue;
		}
		if ( get_transient( 'store_mail_down' ) || store_mail_left() <= 0 ) {
			return;
		}
		store_mail_send( $name, $mail );
	}
}
add_action( STORE_MAIL_ACTION, 'store_mail_send_waiting' );

store_regularly( STORE_MAIL_ACTION );

/** The number of mails that the relay accepts from this store per hour. */
function store_mail_left(): int {
	$rate = store_mail_server()['rate'] ?? null;
	return $rate === null ? PHP_INT_MAX : (int) $rate - (int) get_transient( store_mail_hour() );
}

function store_mail_count(): void {
	set_transient( store_mail_hour(), (int) get_transient( store_mail_hour() ) + 1, HOUR_IN_SECONDS );
}

function store_mail_hour(): string {
	return 'store_mail_sent_' . gmdate( 'YmdH' );
}

add_action(
	'phpmailer_init',
	function ( PHPMailer\PHPMailer\PHPMailer $mailer ): void {
		$server = store_mail_server();
		if ( ! $server ) {
			return;
		}
		store_mail_by( $mailer, $server );
		$mailer->MessageID = '<' . hash( 'sha256', store_mail_sending() ) . '@' . explode( '@', $server['from'] )[1] . '>';
		$mailer->addCustomHeader( 'Auto-Submitted', 'auto-generated' );
		// Nobody reads mail to an address of the platform's.
		if ( isset( $server['replyTo'] ) && ! $mailer->getReplyToAddresses() ) {
			$mailer->addReplyTo( $server['replyTo'] );
		}
		if ( $mailer->ContentType === 'text/html' && $mailer->AltBody === '' ) {
			$mailer->AltBody = $mailer->html2text( $mailer->Body, true );
		}
	},
	PHP_INT_MAX
);

// Servers accept only the configured sender address. The sender's display name is the shop's.
add_filter( 'wp_mail_from', fn( $from ) => store_mail_server()['from'] ?? $from, PHP_INT_MAX );
add_filter(
	'wp_mail_from_name',
	fn( $name ) => $name === 'WordPress' ? wp_specialchars_decode( get_option( 'blogname' ), ENT_QUOTES ) : $name,
	PHP_INT_MAX
);
