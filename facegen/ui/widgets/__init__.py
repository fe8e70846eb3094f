"""Parts that several tabs are made of."""
