"""DecodingRegressor as a model of AutoGluon and TabArena."""

from typing import Any

import pandas as pd
import torch
from autogluon.core.models import AbstractModel

from sklearn_genre import DecodingRegressor

# Share of the time that training may take: the rest is for loading and scoring.
SHARE = 0.9


class DecodingModel(AbstractModel):
    """Means for regression, quantiles for quantile regression."""

    ag_key = "DECODING"
    ag_name = "Decoding"
    seed_name = "random_state"

    def _fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        X_val: pd.DataFrame | None = None,
        y_val: pd.Series | None = None,
        time_limit: float | None = None,
        num_cpus: int = 1,
        num_gpus: float = 0,
        sample_weight: Any = None,
        sample_weight_val: Any = None,
        **kwargs: Any,
    ) -> None:
        """Fit within the time limit; a given validation set stops and selects."""
        X = self.preprocess(X, is_train=True)
        limit = None if time_limit is None else max(SHARE * time_limit, 1e-3)
        given = {}
        if X_val is not None:
            given = {"X_val": self.preprocess(X_val), "y_val": y_val}
            given["sample_weight_val"] = sample_weight_val
        before = torch.get_num_threads()
        if isinstance(num_cpus, int):
            torch.set_num_threads(num_cpus)
        try:
            self.model = DecodingRegressor(
                device="cuda" if num_gpus else "cpu",
                max_fit_seconds=limit,
                **self._get_model_params(),
            )
            self.model.fit(X, y, sample_weight, **given)
        finally:
            torch.set_num_threads(before)

    def _predict_proba(self, X: pd.DataFrame, **kwargs: Any) -> Any:
        """Return means, or the quantiles that AutoGluon asks for."""
        X = self.preprocess(X, **kwargs)
        if self.problem_type == "quantile":
            return self.model.predict_quantiles(X, self.quantile_levels)
        return self.model.predict(X)

    @classmethod
    def supported_problem_types(cls) -> list[str]:
        """Return the kinds of tasks."""
        return ["regression", "quantile"]
