<?php
// The payment method that WooCommerce offers while keys are set. Its owner can rename it or turn it off, like any
// other.

class Store_Card_Gateway extends WC_Payment_Gateway {

	// How many refunds of an order Stripe has refused.
	private const REFUSED = '_store_card_refused';

	public function __construct() {
		$this->id                 = STORE_CARD;
		$this->method_title       = 'Card (Stripe)';
		$this->method_description = 'Shoppers pay on Stripe\'s page. The keys are set in the platform\'s dashboard, and this is offered while they are.';
		$this->supports           = array( 'products', 'refunds' );
		$this->form_fields        = array(
			'enabled'     => array( 'title' => 'Offered', 'type' => 'checkbox', 'label' => 'Offer payment by card', 'default' => 'yes' ),
			'title'       => array( 'title' => 'Name', 'type' => 'text', 'default' => 'Card' ),
			'description' => array( 'title' => 'Description', 'type' => 'text', 'default' => 'You pay on a secure page of Stripe, and then come back here.' ),
		);
		$this->init_settings();
		$this->enabled     = $this->get_option( 'enabled' );
		$this->title       = $this->get_option( 'title' );
		$this->description = $this->get_option( 'description' );
		add_action( "woocommerce_update_options_payment_gateways_{$this->id}", array( $this, 'process_admin_options' ) );
	}

	public function is_available() {
		return (bool) store_stripe_keys() && parent::is_available();
	}

	public function process_payment( $order_id ) {
		try {
			$arrived = $this->leave_other_page( (int) $order_id );
			if ( $arrived ) {
				wc_add_notice( store_card_arrived( $arrived ), 'error' );
				return array( 'result' => 'failure' );
			}
			$address = store_card_page( (int) $order_id );
		} catch ( Store_Stripe_Error $error ) {
			error_log( "payments: order $order_id: {$error->getMessage()}" );
			wc_add_notice( 'Payment by card is not possible at the moment, and nothing was ordered. Please try again, or choose another way to pay.', 'error' );
			return array( 'result' => 'failure' );
		}
		return array(
			'result'   => 'success',
			'redirect' => $address === '' ? $this->get_return_url( wc_get_order( $order_id ) ) : $address,
		);
	}

	public function process_refund( $order_id, $amount = null, $reason = '' ) {
		$order  = wc_get_order( $order_id );
		$intent = $order->get_transaction_id();
		if ( ! $intent || $amount === null || (float) $amount <= 0 ) {
			return new WP_Error( 'store_card', 'A refund to the card must be more than 0, and at most the amount that was paid by card.' );
		}
		$units = store_stripe_units( (float) $amount, $order->get_currency() );
		// If it is unknown whether a refund was made, WooCommerce deletes its record, and the owner tries again: it must be the
		// same refund to Stripe. Including this one, the same amount is then refunded in total, after the same number of refusals.
		$total   = store_stripe_units( (float) $order->get_total_refunded(), $order->get_currency() );
		$refused = (int) $order->get_meta( self::REFUSED );
		$values  = array( 'payment_intent' => $intent, 'amount' => $units );
		try {
			store_stripe_ask( 'POST', '/v1/refunds', $values, "refund-{$order->get_order_key()}-$total-$units-$refused" );
		} catch ( Store_Stripe_Error $error ) {
			// Stripe would repeat its refusal for a day.
			if ( $error->getCode() >= 400 && $error->getCode() < 500 && $error->getCode() !== 409 ) {
				$order->update_meta_data( self::REFUSED, $refused + 1 );
				$order->save_meta_data();
			}
			return new WP_Error( 'store_card', "Stripe: {$error->getMessage()}" );
		}
		return true;
	}

	/**
	 * A shopper who changed the cart has a new order: the page of the previous one must not be paid. Returns the previous order
	 * if its payment is found only now, otherwise 0.
	 */
	private function leave_other_page( int $order_id ): int {
		$before  = (int) ( WC()->session ? WC()->session->get( STORE_CARD ) : 0 );
		$arrived = $before && $before !== $order_id && store_card_arrives( $before );
		if ( WC()->session ) {
			WC()->session->set( STORE_CARD, $order_id );
		}
		return $arrived ? $before : 0;
	}
}
