<?php
// What is due. A failure is the process' own, so that the Job has failed too.

require __DIR__ . '/common.php';
require dirname( __DIR__ ) . '/html/wp-cron.php';
