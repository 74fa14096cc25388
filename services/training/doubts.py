"""What speaks against relying on a fitted classifier, from its figures. Pure."""

from services.training.record import ClassifierFacts, Retrieval


def doubts(way: str, classifier: ClassifierFacts, found: Retrieval | None) -> tuple[str, ...]:
    """Return a sentence about the worst figure that is too low for the routing policy TOP_1 to pay, if there is one.

    Args:
        way: of fitting, `head` or `fine-tune`; new products are always judged by a head.
        classifier: its figures.
        found: those of the embedder; None where no validation photo names its product.
    """
    if found is None:
        return ("no validation photo names its product: from which accuracy on TOP_1 pays is not known",)
    if found.break_even is None:
        return ("validation photos find too little in the gallery to say from which accuracy on TOP_1 pays",)
    below = f"below the {found.break_even:.3f} from which TOP_1 pays on this catalogue"
    new = classifier.new_products
    if classifier.accuracy < found.break_even:
        return (f"the classifier's accuracy, {classifier.accuracy:.3f}, is {below}: don't use TOP_1",)
    if new is not None and new.accuracy < found.break_even:
        whose = "" if way == "head" else " (of a linear layer on frozen features)"
        said = f"the accuracy on products never seen{whose}, {new.accuracy:.3f}, is {below}"
        return (f"{said}: as products change, fit again before relying on TOP_1",)
    return ()
