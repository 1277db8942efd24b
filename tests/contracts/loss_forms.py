"""Every form of every loss: what the contracts of losses are about."""

from mlpcli.nn.losses import LOSSES

SETTINGS = {
    "binary_cross_entropy": [{}, {"label_smoothing": 0.1}],
    "cross_entropy": [{}, {"label_smoothing": 0.1}],
    "focal": [{}, {"alpha": 0.25}, {"label_smoothing": 0.1}],
}
# What does the work: one form for each task, setting, output and kind of target.
FORMS = dict.fromkeys(
    member(**settings).for_task(task, output=output, mixed=mixed)
    for name, member in LOSSES.items()
    for settings in SETTINGS.get(name, [{}])
    for task in member.tasks
    for output in [None, *(member.outputs or ())]
    for mixed in ([False, True] if member.mixes else [False])
    if not list(member(**settings).faults(task))
)
