"""Every function that a loss can be: what the contracts of losses are about."""

from mlpcli.nn.losses import LOSSES


def forms_of(settings):
    """Return what trains: one for each task, setting and output, without repetition.

    settings  lists of keyword arguments, by the loss's name; without: the defaults
    """
    return list(
        dict.fromkeys(
            member(**chosen).for_task(task, output=output)
            for name, member in LOSSES.items()
            for chosen in settings.get(name, [{}])
            for task in member.tasks
            for output in [None, *(member.outputs or ())]
            if not list(member(**chosen).faults(task))
        )
    )


FORMS = forms_of(
    {
        "binary_cross_entropy": [{}, {"label_smoothing": 0.1}],
        "cross_entropy": [{}, {"label_smoothing": 0.1}],
        "focal": [{}, {"alpha": 0.25}, {"label_smoothing": 0.1}],
    }
)
