

# The data -----------------------------------------------------------------------------------------------------------------


class _Components:
    """m batches by index, their weights, and what keeps them from being the same twice."""

    # What an iterator that does not say its length may give before it is taken for one without end.
    MOST, SECONDS = 100_000, 120.0

    def __init__(self, components, weights, count=None):
        if components is None:
            raise ValueError("components are missing: serve(model, loss, components), the data cut into batches")
        if isinstance(components, dict):
            raise TypeError("components are a dictionary: give a list of batches, or a function of the index with count=…")
        if hasattr(components, "dataset") and hasattr(components, "sampler"):
            samplers = (components.sampler, getattr(components.batch_sampler, "sampler", None))
            if any("Random" in type(sampler).__name__ for sampler in samplers):
                raise ValueError("the DataLoader shuffles: component i would be other data every time. Give one with shuffle=False, or a list of batches")
            components = self._drawn(components, count)
        is_function = callable(components) and not hasattr(components, "__getitem__")
        if not is_function and not hasattr(components, "__getitem__"):
            components = self._drawn(components, count)
        length = len(components) if hasattr(components, "__len__") else None
        if count is None and length is None:
            raise ValueError("components is a function: say how many there are, with count=…")
        if count is not None and length is not None and count > length:
            raise ValueError(f"count={count}, and there are {length} components")
        self.get, self.count = components if is_function else components.__getitem__, length if count is None else count
        if self.count < 1:
            raise ValueError("there are no components")
        self.weights = weights if weights is None or callable(weights) else [float(weight) for weight in weights]
        if isinstance(self.weights, list) and len(self.weights) != self.count:
            raise ValueError(f"{len(self.weights)} weights for {self.count} components")
        self.known = {}

    def _drawn(self, batches, count):
        """The batches of an iterator, once and for all; one without end is refused before it fills the memory."""
        try:
            is_bounded = count is not None or len(batches) >= 0
        except TypeError:
            is_bounded = False
        found, size, began = [], 0, time.monotonic()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        iterator = iter(batches)
        while count is None or len(found) < count:
            batch = next(iterator, found)
            if batch is found:
                break
            found.append(batch)
            size += 0 if is_bounded else _byte_count(batch)
            if not is_bounded and (len(found) >= self.MOST or size > memory or time.monotonic() - began > self.SECONDS):
                raise ValueError(
                    f"the components come from an iterator without a length, which had not ended after {len(found):,} batches of {size / 1e6:,.1f} MB: say with "
                    "count=… how many of its first batches are the data, or give a list, or a function of the index")
        if count is not None and len(found) < count:
            raise ValueError(f"count={count}, and there are {len(found)} components")
        return found

    def weight(self, index):
        """The number of examples: given, or the length of the first array of the batch."""
        if index not in self.known:
            if self.weights is None:
                weight = float(_length(self.get(index)) or 1)
            else:
                weight = float(self.weights(index) if callable(self.weights) else self.weights[index])
            if not 0 < weight < math.inf:
                raise ValueError(f"the weight of component {index} is {weight}: weights are numbers of examples, above 0")
            self.known[index] = weight
        return self.known[index]

    def require_same(self, seed):
        """Refuses a component that is other data when it is asked for again, after another one."""
        digests = []
        for index in (0, self.count - 1, 0):
            seed(index)
            found = _Digest()
            found.add(self.get(index))
            digests.append(found.hexdigest())
        if digests[0] != digests[2]:
            raise ValueError("component 0 is other data when it is asked for again (an iterator, shuffling or augmentation inside the components?): make each a "
                             "function of its index, as a list of batches is")

    def digest(self, seed):
        """Of the first and the last batch: in another process they must be the same."""
        found = _Digest()
        for index in sorted({0, self.count - 1}):
            seed(index)
            found.add(self.get(index))
        return found.hexdigest()


class _Digest:
    """Of numbers and texts of batches; what else stands there may be another object in each process."""

    def __init__(self):
        import hashlib

        self.found = hashlib.sha256()
        self.hexdigest = self.found.hexdigest

    def add(self, value):
        if hasattr(value, "items"):
            for key in sorted(value, key=str):
                self.add(str(key))
                self.add(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                self.add(part)
        elif isinstance(value, (bool, int, float, str, bytes)):
            self.found.update(repr(value).encode())
        else:
            array = _array(value)
            if array is not None and array.dtype.kind in "biufc":
                self.found.update(array.tobytes())


def _array(value):
    """As an array of NumPy; None for what is none."""
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.double() if value.is_floating_point() else value
        return np.asarray(value)
    except Exception:
        return None


def _parts(batch):
    if hasattr(batch, "shape"):
        return []
    return list(batch.values() if hasattr(batch, "values") else batch if isinstance(batch, (list, tuple)) else [])


def _length(batch):
    if hasattr(batch, "shape"):
        return int(batch.shape[0]) if len(batch.shape) else 1
    return next((length for length in map(_length, _parts(batch)) if length), None)


def _byte_count(batch):
    size = getattr(batch, "nbytes", None)
    return size if isinstance(size, int) else 64 + sum(map(_byte_count, _parts(batch)))


# Labels that do not count -------------------------------------------------------------------------------------------------

IGNORED = -100


def _labels(batch):
    """The integers of a batch that cross-entropy takes for labels: those named so, those that hold its ignore_index, or the last ones of a tuple."""
    is_mapping = hasattr(batch, "items")
    named = is_mapping and "labels" in batch
    candidates = [batch["labels"]] if named else _parts(batch)
    candidates = [part for part in candidates if "int" in str(getattr(part, "dtype", "")) and len(part.shape) > 0]
    arrays = [array for array in map(_array, candidates) if array is not None]
    holding = [array for array in arrays if (array == IGNORED).any()]
    return holding[0] if holding else arrays[-1] if arrays and (named or not is_mapping) else None


def _label_counts(labels, rows=slice(None)):
    """What a mean may be over: examples, labels that count, and labels that count without the first of every sequence, which a causal language
    model does not predict."""
    labels = labels[rows]
    return {"examples": float(len(labels)), "labels that count": float((labels != IGNORED).sum()),
            "labels that count, without the first of every sequence": float((labels[:, 1:] != IGNORED).sum()) if labels.ndim > 1 else -1.0}


def _rows(batch, rows, length):
    """Some examples of a batch: arrays of its length are cut, all else stays."""
    if hasattr(batch, "shape"):
        return batch[rows] if len(batch.shape) and batch.shape[0] == length else batch
    if hasattr(batch, "items"):
        return {key: _rows(value, rows, length) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [_rows(value, rows, length) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _weigh_labels(components, losses, precision):
    """Makes weights the numbers of that over which the loss of a batch is a mean, where labels are left out (−100) or sequences have several lengths.

    losses(batches) → the losses of these batches; precision: how far rounding moves them, relatively. Which mean it is shows in a batch and its two
    parts. Returns what a person should know, nothing where all of it comes to the same; and whether it is settled.
    """
    if components.weights is not None:
        return None, True
    counts, best = [], None
    for index in range(components.count):
        batch = components.get(index)
        labels, components.known[index] = _labels(batch), float(_length(batch) or 1)
        if labels is None:
            return None, True
        counts.append(_label_counts(labels))
        length = len(labels)
        for cut in {length // 3, length // 2} - {0}:
            parts = [_label_counts(labels, rows) for rows in (slice(None, cut), slice(cut, None))]
            shares = [part["labels that count"] / part["examples"] for part in parts]
            if min(min(part.values()) for part in parts) > 0 and (best is None or abs(shares[0] - shares[1]) > best[0]):
                best = abs(shares[0] - shares[1]), index, cut, parts
    ways = [way for way in counts[0] if all(count[way] >= 0 for count in counts)]
    ways = [way for way in ways if len({round(count[way] / count["examples"], 12) for count in counts}) > 1]
    if not ways:
        return None, True
    fitting = None
    if best is not None:
        _, index, cut, parts = best
        batch = components.get(index)
        length = len(_labels(batch))
        try:
            whole, first, second = losses([batch, _rows(batch, slice(None, cut), length), _rows(batch, slice(cut, None), length)])
            tolerance = 30 * precision * max(abs(first), abs(second))
            missed = {way: abs((parts[0][way] * first + parts[1][way] * second) / (parts[0][way] + parts[1][way]) - whole) for way in ["examples"] + ways}
            close = [way for way in missed if missed[way] <= tolerance]
            if len(close) == 1 and all(missed[way] > 3 * tolerance for way in missed if way != close[0]):
                fitting = close[0]
        except Exception:
            # A model that takes whole batches only: nothing is known then.
            pass
    if fitting == "examples":
        return None, True
    if fitting is None:
        return ("the weights are numbers of examples, and labels are left out (-100) or sequences have several lengths: if the loss is a mean over labels, pass "
                "weights=[the number of labels that count in each batch], or another function is measured"), False
    empty = next((index for index, count in enumerate(counts) if count[fitting] == 0), None)
    if empty is not None:
        raise ValueError(f"component {empty} has no label that counts (all are {IGNORED}), so that its loss is a mean over nothing: leave it out")
    components.known = {index: count[fitting] for index, count in enumerate(counts)}
    return f"the loss is a mean over {fitting}: their numbers are the weights", True
