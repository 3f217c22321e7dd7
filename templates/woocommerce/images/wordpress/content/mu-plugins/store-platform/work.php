<?php
// The shop's periodic work: run together with WordPress' own, at most once a minute.

function store_regularly( string $action ): void {
	add_action(
		'action_scheduler_init',
		function () use ( $action ): void {
			if ( wp_doing_cron() && ! as_has_scheduled_action( $action ) ) {
				as_schedule_recurring_action( time(), MINUTE_IN_SECONDS, $action, array(), 'store-platform', true );
			}
		}
	);
}
