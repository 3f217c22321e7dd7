<?php
// Payment by card, on the page of the provider that the shop is connected to: card numbers do not reach the shop (PCI SAQ A).
// An order is paid once its provider reports so, whoever asks: the shopper who returns, a webhook, or the shop's periodic
// work.

require __DIR__ . '/store-platform/stripe.php';
require_once __DIR__ . '/store-platform/work.php';

const STORE_CARD        = 'store_card';
const STORE_CARD_PAGE   = '_store_card_page';
const STORE_CARD_STORE  = '_store_card_store';
// Set once it was reported that a card was declined.
const STORE_CARD_DECLINED = '_store_card_declined';
const STORE_CARD_SETTLE = 'store_platform_settle_payments';
// The path of the webhook that owners set at Stripe, the same for every engine.
const STORE_CARD_WEBHOOK = 'hooks/payment/stripe_stripe';
// Stripe's minimum, and a minute for latency: unpaid orders are cancelled after an hour.
const STORE_CARD_OPEN = 31 * MINUTE_IN_SECONDS;
// A page that expires soon is not shown again.
const STORE_CARD_LEFT = 10 * MINUTE_IN_SECONDS;
// A webhook may be this late, or get lost.
const STORE_CARD_AWAITED = 2 * DAY_IN_SECONDS;

add_filter(
	'woocommerce_payment_gateways',
	function ( array $gateways ): array {
		require_once __DIR__ . '/store-platform/gateway.php';
		return array( ...$gateways, Store_Card_Gateway::class );
	}
);

/** Runs something with an order under a lock: a shopper, a webhook and the periodic work may come at once. */
function store_card_alone( int $id, callable $work ) {
	global $wpdb;
	$name = "store-card-$id";
	if ( $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 20)', $name ) ) !== '1' ) {
		throw new Store_Stripe_Error( "order $id is being paid by somebody else", 0 );
	}
	try {
		// This process may have read the order before another one changed it.
		wc_get_container()->get( Automattic\WooCommerce\Caches\OrderCache::class )->remove( $id );
		$order = wc_get_order( $id );
		return $work( $order instanceof WC_Order && store_card_is_used( $order ) ? $order : null );
	} finally {
		$wpdb->get_var( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $name ) );
	}
}

/** Whether an order is paid by card, or could be: its shopper has opened a page and then chosen another way to pay. */
function store_card_is_used( WC_Order $order ): bool {
	return $order->get_payment_method() === STORE_CARD || (string) $order->get_meta( STORE_CARD_PAGE ) !== '';
}

/**
 * Returns the address of the page on which an order can be paid, or '' if the order is paid already.
 *
 * @throws Store_Stripe_Error There is none.
 */
function store_card_page( int $id ): string {
	return store_card_alone(
		$id,
		function ( ?WC_Order $order ) use ( $id ): string {
			if ( ! $order || $order->get_date_paid() ) {
				return '';
			}
			$page = store_card_found( $order );
			if ( store_card_take( $order, $page ) ) {
				return '';
			}
			$units = store_stripe_units( (float) $order->get_total(), $order->get_currency() );
			$same  = $page && $page['amount_total'] === $units && strtoupper( $page['currency'] ) === $order->get_currency();
			if ( $same && $page['status'] === 'open' && ( $page['expires_at'] ?? PHP_INT_MAX ) > time() + STORE_CARD_LEFT ) {
				return $page['url'];
			}
			store_card_close( $page );
			$metadata = array( 'store_order' => $id, 'store' => getenv( 'STORE_NAME' ) );
			$made     = store_stripe_ask(
				'POST',
				'/v1/checkout/sessions',
				array(
					'mode'                 => 'payment',
					// Others may be paid days later, when the order is cancelled.
					'payment_method_types' => array( 'card' ),
					// The amount stays in the order's currency.
					'adaptive_pricing'     => array( 'enabled' => 'false' ),
					'line_items'           => array(
						array(
							'quantity'   => 1,
							'price_data' => array(
								'currency'     => strtolower( $order->get_currency() ),
								'unit_amount'  => $units,
								'product_data' => array( 'name' => get_bloginfo( 'name' ) . ' #' . $order->get_order_number() ),
							),
						),
					),
					'client_reference_id'  => $id,
					// An order that its owner has made may have none, and Stripe refuses an empty one.
					...array_filter( array( 'customer_email' => $order->get_billing_email() ) ),
					'metadata'             => $metadata,
					'payment_intent_data'  => array( 'metadata' => $metadata ),
					'expires_at'           => time() + STORE_CARD_OPEN,
					'success_url'          => add_query_arg( array( 'order' => $id, 'key' => $order->get_order_key() ), WC()->api_request_url( STORE_CARD ) ),
					'cancel_url'           => wc_get_checkout_url(),
				)
			);
			$order->update_meta_data( STORE_CARD_PAGE, $made['id'] );
			$order->update_meta_data( STORE_CARD_STORE, getenv( 'STORE_NAME' ) );
			$order->save();
			return $made['url'];
		}
	);
}

/** Returns the state of an order's page; null if it has none that is this store's. */
function store_card_read( WC_Order $order ): ?array {
	$page = (string) $order->get_meta( STORE_CARD_PAGE );
	if ( $page === '' || $order->get_meta( STORE_CARD_STORE ) !== getenv( 'STORE_NAME' ) ) {
		return null;
	}
	return store_stripe_ask( 'GET', "/v1/checkout/sessions/$page", array( 'expand' => array( 'payment_intent' ) ) );
}

/** The same; null also if it is in another account than that of the current keys. */
function store_card_found( WC_Order $order ): ?array {
	try {
		return store_card_read( $order );
	} catch ( Store_Stripe_Error $error ) {
		if ( $error->getCode() === 404 ) {
			return null;
		}
		throw $error;
	}
}

/** Marks an order as paid if its page is paid; returns whether it is. Call it under the order's lock. */
function store_card_take( WC_Order $order, ?array $page ): bool {
	if ( ! $page || $page['payment_status'] !== 'paid' ) {
		return false;
	}
	$intent = store_card_intent( $page );
	$units  = store_stripe_units( (float) $order->get_total(), $order->get_currency() );
	// Its shopper may have chosen another way to pay since.
	if ( $order->get_payment_method() !== STORE_CARD ) {
		$order->set_payment_method( WC()->payment_gateways()->payment_gateways()[ STORE_CARD ] );
	}
	if ( $page['amount_total'] !== $units || strtoupper( $page['currency'] ) !== $order->get_currency() ) {
		// The owner changed the order while it was being paid. It is dated, so that this happens once: what the owner does with
		// the order then is not undone.
		$order->set_transaction_id( $intent );
		$order->set_date_paid( time() );
		$order->update_status( 'on-hold', "Stripe took {$page['amount_total']} {$page['currency']} for it, counted in the smallest unit. Its total has changed since." );
		return true;
	}
	if ( ! $order->payment_complete( $intent ) ) {
		// It must not be mistaken for unpaid.
		throw new Store_Stripe_Error( 'it is paid, but that could not be stored', 0 );
	}
	return true;
}

/** Expires a page, so that it can no longer be paid. */
function store_card_close( ?array $page ): void {
	if ( $page && $page['status'] === 'open' ) {
		store_stripe_ask( 'POST', "/v1/checkout/sessions/{$page['id']}/expire" );
	}
}

/** Expires an order's page unless it was paid; returns whether it was. Call it under the order's lock. */
function store_card_end( ?WC_Order $order ): bool {
	if ( ! $order || $order->get_date_paid() ) {
		return (bool) $order;
	}
	$page = store_card_found( $order );
	if ( store_card_take( $order, $page ) ) {
		return true;
	}
	store_card_close( $page );
	return false;
}

/** Expires the page of an order that its shopper has left for another one; returns whether its payment is found only now. */
function store_card_arrives( int $id ): bool {
	return store_card_alone( $id, fn( ?WC_Order $order ) => $order && ! $order->get_date_paid() && store_card_end( $order ) );
}

/** Informs a shopper who was about to pay for the same goods again. */
function store_card_arrived( int $id ): string {
	$number = wc_get_order( $id )->get_order_number();
	return "Your payment by card for order $number has arrived. Its goods are still in your cart: remove them, and then order the rest.";
}

/** Whether an order is paid by now. Call it under the order's lock. */
function store_card_is_paid( WC_Order $order ): bool {
	if ( ! $order->get_date_paid() ) {
		return store_card_take( $order, store_card_read( $order ) );
	}
	store_card_note( $order, store_card_lacks( $order ) ? store_card_found( $order ) : null );
	return true;
}

/** Whether an order was paid in another way, or its owner has marked it as paid: its page may be paid in addition. */
function store_card_lacks( WC_Order $order ): bool {
	return $order->get_transaction_id() === '' && (string) $order->get_meta( STORE_CARD_PAGE ) !== '';
}

/** Stores the payment of a page with an order that is paid already, so that its owner can pay it back. Returns whether it is paid. */
function store_card_note( WC_Order $order, ?array $page ): bool {
	if ( ! $page || $page['payment_status'] !== 'paid' ) {
		return false;
	}
	$order->set_payment_method( WC()->payment_gateways()->payment_gateways()[ STORE_CARD ] );
	$order->set_transaction_id( store_card_intent( $page ) );
	$order->add_order_note( "Stripe took {$page['amount_total']} {$page['currency']} for it, counted in the smallest unit, although it was marked as paid before. If it was also paid in another way, pay this back." );
	$order->save();
	return true;
}

function store_card_intent( array $page ): string {
	return is_array( $page['payment_intent'] ) ? $page['payment_intent']['id'] : (string) $page['payment_intent'];
}

/**
 * Whether an order is paid.
 *
 * @throws Store_Stripe_Error It is unknown.
 */
function store_card_settle( int $id ): bool {
	return store_card_alone( $id, fn( ?WC_Order $order ) => $order && store_card_is_paid( $order ) );
}

/** A shopper returns from the page. */
function store_card_return(): void {
	$order = wc_get_order( absint( $_GET['order'] ?? 0 ) );
	if ( ! $order || ! hash_equals( $order->get_order_key(), (string) wp_unslash( $_GET['key'] ?? '' ) ) ) {
		wp_safe_redirect( wc_get_checkout_url() );
		exit;
	}
	try {
		$paid = store_card_settle( $order->get_id() );
	} catch ( Store_Stripe_Error $error ) {
		error_log( "payments: order {$order->get_id()}: {$error->getMessage()}" );
		wc_add_notice( 'Whether your payment has arrived is not known yet. You need not pay again: the order is completed once it has.', 'notice' );
		$paid = true;
	}
	if ( ! $paid ) {
		wc_add_notice( 'Your payment has not arrived, and nothing was ordered. Please try again.', 'error' );
	}
	wp_safe_redirect( $paid ? $order->get_checkout_order_received_url() : wc_get_checkout_url() );
	exit;
}
add_action( 'woocommerce_api_' . STORE_CARD, 'store_card_return' );

/** Stripe's webhook. Only the fact that something happened is taken from it: Stripe is then asked for the state. */
function store_card_webhook( WP $wp ): void {
	if ( $wp->request !== STORE_CARD_WEBHOOK ) {
		return;
	}
	if ( ( $_SERVER['REQUEST_METHOD'] ?? '' ) !== 'POST' ) {
		header( 'Allow: POST' );
		wp_send_json( array( 'error' => 'use POST' ), 405 );
	}
	$event = store_stripe_event( (string) file_get_contents( 'php://input' ), (string) wp_unslash( $_SERVER['HTTP_STRIPE_SIGNATURE'] ?? '' ) );
	if ( $event === null ) {
		wp_send_json( array( 'error' => 'the signature is not by the webhook signing secret that is set, or it is old' ), 400 );
	}
	$object = $event['data']['object'] ?? array();
	$id     = absint( $object['metadata']['store_order'] ?? 0 );
	if ( ! $id || ( $object['metadata']['store'] ?? '' ) !== getenv( 'STORE_NAME' ) ) {
		wp_send_json( array( 'received' => true ) );
	}
	try {
		if ( ( $event['type'] ?? '' ) === 'payment_intent.payment_failed' ) {
			store_card_alone( $id, 'store_card_failed' );
		} else {
			store_card_settle( $id );
		}
	} catch ( Store_Stripe_Error $error ) {
		error_log( "payments: order $id: {$error->getMessage()}" );
		wp_send_json( array( 'error' => 'try again' ), 503 );
	}
	wp_send_json( array( 'received' => true ) );
}
add_action( 'parse_request', 'store_card_webhook' );

/**
 * A card was declined: WooCommerce reports it once, and the shopper may try again on the same page. The order stays
 * pending, because WooCommerce keeps no goods for failed ones: the last of them would be sold twice.
 */
function store_card_failed( ?WC_Order $order ): void {
	if ( ! $order || store_card_is_paid( $order ) || ! $order->has_status( 'pending' ) || $order->get_meta( STORE_CARD_DECLINED ) ) {
		return;
	}
	$order->update_meta_data( STORE_CARD_DECLINED, 'yes' );
	$order->add_order_note( 'A payment by card was declined.' );
	$order->save();
	// WooCommerce's mails to the shopper and to the owner.
	foreach ( array( 'woocommerce_order_status_failed', 'woocommerce_order_status_pending_to_failed' ) as $event ) {
		do_action( $event, $order->get_id(), $order );
	}
}

/** An order is cancelled or deleted: it can't be paid any more. If it was paid meanwhile, it is not cancelled. */
function store_card_cancel( $id ): void {
	try {
		store_card_alone( (int) $id, 'store_card_end' );
	} catch ( Store_Stripe_Error $error ) {
		error_log( "payments: order $id: {$error->getMessage()}" );
	}
}
add_action( 'woocommerce_order_status_cancelled', 'store_card_cancel' );
add_action( 'woocommerce_before_trash_order', 'store_card_cancel' );
add_action( 'woocommerce_before_delete_order', 'store_card_cancel' );

/** An owner marks an order as paid: its page must not be paid in addition. */
function store_card_paid_otherwise( int $id, WC_Order $order ): void {
	if ( ! store_stripe_keys() || ! store_card_lacks( $order ) ) {
		return;
	}
	try {
		store_card_alone(
			$id,
			function ( ?WC_Order $order ): void {
				$page = $order ? store_card_found( $order ) : null;
				if ( $page && ! store_card_note( $order, $page ) ) {
					store_card_close( $page );
				}
			}
		);
	} catch ( Store_Stripe_Error $error ) {
		error_log( "payments: order $id: {$error->getMessage()}" );
	}
}
add_action( 'woocommerce_order_status_processing', 'store_card_paid_otherwise', 10, 2 );
add_action( 'woocommerce_order_status_completed', 'store_card_paid_otherwise', 10, 2 );

/**
 * A shopper pays an order in another way: pages that were opened before must not be paid in addition.
 *
 * @throws Exception It must not be paid in another way, or that is unknown. The message is for the shopper.
 */
function store_card_leave( WC_Order $order ): void {
	$opened = array( $order->get_id(), WC()->session ? (int) WC()->session->get( STORE_CARD ) : 0 );
	foreach ( store_stripe_keys() ? array_unique( array_filter( $opened ) ) : array() as $id ) {
		try {
			$own  = $id === $order->get_id();
			$paid = $own ? store_card_alone( $id, 'store_card_end' ) : store_card_arrives( $id );
		} catch ( Store_Stripe_Error $error ) {
			error_log( "payments: order $id: {$error->getMessage()}" );
			throw new Exception( 'Whether your payment by card has arrived is not known yet, and nothing was ordered. Please try again later.' );
		}
		if ( $paid && $own ) {
			WC()->cart->empty_cart();
			throw new Exception( 'Your payment by card has arrived: this order is paid already.' );
		}
		if ( $paid ) {
			throw new Exception( store_card_arrived( $id ) );
		}
	}
}

add_action(
	'woocommerce_checkout_order_processed',
	function ( int $id, array $posted, WC_Order $order ): void {
		if ( $order->get_payment_method() !== STORE_CARD ) {
			store_card_leave( $order );
		}
	},
	10,
	3
);
add_action(
	'woocommerce_store_api_checkout_order_processed',
	function ( WC_Order $order ): void {
		if ( $order->get_payment_method() !== STORE_CARD ) {
			store_card_leave( $order );
		}
	}
);
// The page on which a single order is paid.
add_action(
	'woocommerce_before_pay_action',
	function ( WC_Order $order ): void {
		if ( sanitize_key( $_POST['payment_method'] ?? '' ) === STORE_CARD ) {
			return;
		}
		try {
			store_card_leave( $order );
		} catch ( Exception $error ) {
			wc_add_notice( $error->getMessage(), 'error' );
			wp_safe_redirect( $order->get_checkout_payment_url() );
			exit;
		}
	}
);

// Refunds of an order are made one after the other: two at once would be the same request to Stripe, which pays back once.
add_action(
	'woocommerce_create_refund',
	function ( WC_Order_Refund $refund, array $asked ): void {
		global $wpdb;
		$id    = $refund->get_parent_id();
		$order = wc_get_order( $id );
		if ( empty( $asked['refund_payment'] ) || ! $order || $order->get_payment_method() !== STORE_CARD ) {
			return;
		}
		// The lock ends with this request's connection, after WooCommerce has stored the refund.
		if ( $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 20)', "store-refund-$id" ) ) !== '1' ) {
			throw new Exception( 'Another refund of this order is being made. Please try again in a moment.' );
		}
	},
	10,
	2
);

/** Marks an order as paid if its page is paid, and forgets a page that can't be paid any more. Call it under the order's lock. */
function store_card_follow( ?WC_Order $order ): void {
	if ( ! $order || $order->get_date_paid() ) {
		return;
	}
	$page = store_card_read( $order );
	if ( ! store_card_take( $order, $page ) && ( $page['status'] ?? '' ) === 'expired' ) {
		$order->delete_meta_data( STORE_CARD_PAGE );
		$order->save();
	}
}

/** Handles payments whose webhook was lost. However many orders are abandoned, those with a page are few, and all have their turn. */
function store_card_settle_waiting(): void {
	if ( ! store_stripe_keys() ) {
		return;
	}
	$waiting = wc_get_orders(
		array(
			'limit'          => 100,
			'return'         => 'ids',
			'payment_method' => STORE_CARD,
			'status'         => array( 'pending', 'on-hold', 'failed', 'cancelled' ),
			'date_created'   => '>' . ( time() - STORE_CARD_AWAITED ),
			'meta_key'       => STORE_CARD_PAGE,
			'meta_compare'   => 'EXISTS',
			'orderby'        => 'date',
			'order'          => 'ASC',
		)
	);
	foreach ( $waiting as $id ) {
		try {
			store_card_alone( (int) $id, 'store_card_follow' );
		} catch ( Store_Stripe_Error $error ) {
			error_log( "payments: order $id: {$error->getMessage()}" );
		}
	}
}
add_action( STORE_CARD_SETTLE, 'store_card_settle_waiting' );

store_regularly( STORE_CARD_SETTLE );
