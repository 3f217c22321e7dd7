<?php
// Runs what is due. A failure makes the process fail, and so the Job.

require __DIR__ . '/common.php';
require dirname( __DIR__ ) . '/html/wp-cron.php';
