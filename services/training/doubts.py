"""What speaks against relying on a fitted classifier, from its figures. Pure."""

from services.training.record import ClassifierFacts, Retrieval


def doubts(classifier: ClassifierFacts, found: Retrieval | None) -> tuple[str, ...]:
    """Return a sentence for each figure that is too low for the routing policy TOP_1 to pay."""
    if found is None:
        return ("no validation photo names its product: from which accuracy on TOP_1 pays is not known",)
    if found.break_even is None:
        return ("validation photos find too little in the gallery to say from which accuracy on TOP_1 pays",)
    below = f"below the {found.break_even:.3f} from which TOP_1 pays on this catalogue"
    new = classifier.new_products
    said = []
    if classifier.accuracy < found.break_even:
        said.append(f"the classifier's accuracy, {classifier.accuracy:.3f}, is {below}: don't use TOP_1")
    elif new is not None and new.accuracy < found.break_even:
        said.append(
            f"its accuracy on products that it has never seen, {new.accuracy:.3f}, is {below}: as products change, fit "
            "again before relying on TOP_1"
        )
    return tuple(said)
