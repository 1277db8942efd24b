"""Every form of every loss: what the contracts of losses are about."""

from mlpcli.nn.losses import LOSSES


def forms_of(settings):
    """Return what does the work: one form for each task, setting, output and kind of target.

    settings  lists of keyword arguments, by the loss's name; without: the defaults
    """
    return dict.fromkeys(
        member(**own).for_task(task, output=output, mixed=mixed)
        for name, member in LOSSES.items()
        for own in settings.get(name, [{}])
        for task in member.tasks
        for output in [None, *(member.outputs or ())]
        for mixed in ([False, True] if member.mixes else [False])
        if not list(member(**own).faults(task))
    )


FORMS = forms_of(
    {
        "binary_cross_entropy": [{}, {"label_smoothing": 0.1}],
        "cross_entropy": [{}, {"label_smoothing": 0.1}],
        "focal": [{}, {"alpha": 0.25}, {"label_smoothing": 0.1}],
    }
)
