"""Payment providers, one file each, all of one shape (`flash_sale.ports.PaymentProvider`)."""
