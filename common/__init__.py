"""What the parts of the platform share: settings, serving, engines, reasons and rules."""
