"""The learning rate at a step: warm-up, constant, linear decay. Used by run/ when it hands a segment to a trainer."""


def schedule_factor(step: int, *, warmup_steps: int, decay: tuple[int, int] | None, final_share: float) -> float:
    """The share of the peak rate at optimizer step `step` (from 0) of a cell.

    Warm-up rises linearly and reaches the peak at step `warmup_steps - 1`. `decay` is (first step, number of steps);
    its last step is trained at `final_share`. The warm-up/stable/decay schedule of Hu et al. 2024, arXiv:2404.06395.
    """
    if decay is not None:
        first, steps = decay
        return 1.0 - (1.0 - final_share) * (step - first + 1) / steps
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return 1.0
