"""Safe reading of official benchmark files, and the converted cache: checked, bounded, nothing executed."""
