"""How well extrapolators predict real curves: splits by architecture, scores, predicted fans."""
