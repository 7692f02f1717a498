"""Public splits and published results, called as users call an estimator."""
