

# Serving ------------------------------------------------------------------------------------------------------------------


class _TreeSource:
    """Losses and gradients of a function of a pytree: JAX's own derivative, or one that is given."""

    def __init__(self, tree, loss, components, weights=None, gradient=None, count=None):
        self.tree, self.components, self.parameters = tree, _Components(components, weights, count), TreeParameters(tree)
        self.count, self.weight = self.components.count, self.components.weight
        self.precisions = ("float64" if self.parameters.dtype == np.float64 else "float32",)
        self.function, self.loss, self.warnings = gradient, loss, []
        if gradient is None:
            import jax

            if jax.config.jax_enable_x64:
                self.precisions = ("float32", "float64")
            self.function = jax.jit(jax.value_and_grad(loss))
            self.loss = jax.jit(loss)
        self.point = tree

    def prepare(self, precision):
        if precision not in self.precisions:
            raise ValueError(f"gradients in {precision} are not served: {', '.join(self.precisions)}")

    def seeded(self, index, draw=0):
        """Nothing to seed: whoever wants random numbers brings a key."""

    def trial(self, is_double=True):
        """Evaluates the first component, and refuses what would give wrong numbers."""
        self.components.require_same(self.seeded)
        parameters = self.parameters
        start, gradient = (np.zeros(sum(parameters.counts), parameters.dtype) for _ in range(2))
        parameters.read(start, self.tree)
        loss = self.gradient(0, 0, gradient)
        if not gradient.any():
            self.move(start + 0.1 * (1 + np.abs(start)) * np.random.default_rng(0).standard_normal(start.size).astype(start.dtype))
            moved = self.evaluate(0)
            self.point = self.tree
            if moved == loss:
                raise ValueError("the loss does not depend on the parameters that it is given (those of the script inside?)")

    def move(self, flat):
        self.point = self.parameters.tree(flat if self.parameters.jax else flat.copy(), self.tree)

    def evaluate(self, index, draw=0, with_gradient=True):
        batch = self.components.get(index)
        # Without a loss of its own, that of the gradient.
        return float(self.function(self.point, batch)[0] if self.loss is None else self.loss(self.point, batch))

    def gradient(self, index, draw, into):
        loss, gradient = self.function(self.point, self.components.get(index))
        self.parameters.read(into, gradient)
        return float(loss)

    def diagnosis(self):
        return ["a random key, a clock or an iterator inside the loss or the components is another one every time: make them functions of the component alone"]


class _Requests:
    """Answers the requests of docs/gradient-process.md, one line each."""

    def __init__(self, source, name):
        self.source, self.name, self.memory, self.place = source, name, {}, None

    def vector(self, request, key):
        path, bytes_ = request["memory"], request["bytes"]
        if path not in self.memory:
            descriptor = os.open(path, os.O_RDWR)
            self.memory[path] = mmap.mmap(descriptor, bytes_)
            os.close(descriptor)
        kind = np.dtype(request["precision"])
        return np.frombuffer(self.memory[path], kind, sum(self.source.parameters.counts), request[key])

    def version(self, request):
        return {"protocol": PROTOCOL, "software": f"{SOFTWARE} {__version__}, {self.source.parameters.software}"}

    def describe(self, request):
        parameters = self.source.parameters
        return {"name": self.name, "precisions": list(self.source.precisions), "components": self.source.count,
                "parameters": [{"name": name, "shape": list(shape)} for name, shape in zip(parameters.names, parameters.shapes)],
                "weights": [self.source.weight(index) for index in range(self.source.count)], "notes": self.source.diagnosis(),
                "warnings": self.source.warnings, "digest": self.source.components.digest(self.source.seeded)}

    def parameters(self, request):
        self.source.prepare(request["precision"])
        vector = self.vector(request, "point")
        # Only before the first gradient are they what the script had made.
        self.source.parameters.read(vector, getattr(self.source, "tree", None))
        return {}

    def gradient(self, request):
        source = self.source
        source.prepare(request["precision"])
        place = (request["precision"], request["memory"], request["point"], request["point_id"])
        if self.place != place:
            source.move(self.vector(request, "point"))
            self.place = place
        components, draw = request["components"], request.get("draw", 0)
        missing = [index for index in components if not 0 <= index < source.count]
        if missing:
            raise IndexError(f"there is no component {missing[0]}: there are {source.count}")
        if "gradient" not in request:
            return {"losses": [_number(source.evaluate(index, draw, False)) for index in components]}
        target = self.vector(request, "gradient")
        if len(components) == 1:
            return {"losses": [_number(source.gradient(components[0], draw, target))]}
        losses, total, mean = [], 0.0, np.zeros(target.size)
        for index in components:
            losses.append(_number(source.gradient(index, draw, target)))
            weight = source.weight(index)
            mean += weight * target
            total += weight
        target[...] = mean / total
        return {"losses": losses}


def _number(value):
    """JSON has no NaN."""
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def serve(model, loss=None, components=None, *, weights=None, count=None, gradient=None, seed=0, double=True, name=None):
    """Answers `smoothness estimate run.h5 --oracle "python my_run.py --serve"` until it says goodbye; then returns.

    model: a torch module, in the mode (train or eval) in which it is to be measured; or a pytree of JAX parameters; or a dictionary of
        NumPy arrays, with gradient(parameters, batch) → (loss, dictionary of gradients).
    loss(model, batch): the *mean* loss over the batch's examples, one number.
    components: the data, cut into batches: a list, a dataset of batches, a DataLoader that does not shuffle, or a function of the
        index or an iterator, with count. Batch i must be the same whenever it is asked for.
    weights: the number of examples of each: a list or a function of the index. Default: the length of a batch's first array; where labels are left out
        (-100) and the loss turns out to be a mean over those that count, their number.
    seed: dropout masks of component i are a function of (seed, i), the same at every point; None leaves the generators alone.
    double: whether gradients may be asked for in float64 (rounding is measured against them).
    """
    # What the script prints from here on must not stand between the answers.
    sys.stdout.flush()
    answers, requests = os.fdopen(os.dup(1), "w", encoding="utf-8"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        if isinstance(model, dict) and any(hasattr(value, "requires_grad") for value in model.values()):
            raise TypeError("a state dictionary has no loss: give the module itself")
        if hasattr(model, "named_parameters"):
            model = _unwrapped(model)
            import torch

            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            source = _TorchSource(model, loss, components, weights, seed, count)
        else:
            source = _TreeSource(model, loss, components, weights, gradient, count)
        source.trial(double)
        handler = _Requests(source, name or type(model).__name__)
        failure = None
    except Exception as error:
        # Told when it is asked for: the one who waits for an answer shall know why there is none.
        traceback.print_exc()
        handler, failure = None, f"{type(error).__name__}: {error}"

    def answer(fields):
        try:
            answers.write(json.dumps(fields, allow_nan=False) + "\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(0)

    for line in iter(requests.readline, b""):
        request = {}
        try:
            request = json.loads(line)
            kind = request["request"]
            if kind == "goodbye":
                answer({"id": request["id"]})
                return
            if kind not in ("version", "describe", "parameters", "gradient"):
                raise ValueError(f"there is no request {kind!r} in version {PROTOCOL} of the protocol")
            if failure:
                raise RuntimeError(failure)
            answer({"id": request["id"], **getattr(handler, kind)(request)})
        except Exception as error:
            if not failure:
                traceback.print_exc()
            said = failure or f"{type(error).__name__}: {error}"
            answer({"id": request.get("id"), "error": said})
