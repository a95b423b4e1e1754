

# Serving ------------------------------------------------------------------------------------------------------------------


class _Components:
    """m batches by index, their weights, and what keeps them from being the same twice."""

    def __init__(self, components, weights, count=None):
        if components is None:
            raise ValueError("components are missing: serve(model, loss, components), the data cut into batches")
        sampler = getattr(components, "sampler", None)
        if sampler is not None and hasattr(components, "dataset"):
            if "Random" in type(sampler).__name__:
                raise ValueError("the DataLoader shuffles: component i would be other data every time. Give one with shuffle=False, or a list of batches")
            components = list(components)
        if callable(components) and not hasattr(components, "__getitem__"):
            if count is None:
                raise ValueError("components is a function: say how many there are, with count=…")
            self.get, self.count = components, count
        else:
            if not hasattr(components, "__getitem__"):
                components = list(components)
            self.get, self.count = components.__getitem__, count or len(components)
        if self.count < 1:
            raise ValueError("there are no components")
        self.weights = weights if weights is None or callable(weights) else list(weights)
        if isinstance(self.weights, list) and len(self.weights) != self.count:
            raise ValueError(f"{len(self.weights)} weights for {self.count} components")

    def weight(self, index):
        """The number of examples: given, or the length of the first array of the batch."""
        if self.weights is None:
            return float(_length(self.get(index)) or 1)
        weight = float(self.weights(index) if callable(self.weights) else self.weights[index])
        if not 0 < weight < math.inf:
            raise ValueError(f"the weight of component {index} is {weight}: weights are numbers of examples, above 0")
        return weight


    def digest(self):
        """Of the first and the last batch: in another process they must be the same."""
        import hashlib

        found = hashlib.sha256()
        for index in sorted({0, self.count - 1}):
            _hash(self.get(index), found)
        return found.hexdigest()


def _hash(value, found):
    """Numbers and texts of a batch; what else stands there may be another object in each process."""
    if hasattr(value, "items"):
        for key in sorted(value, key=str):
            _hash(str(key), found)
            _hash(value[key], found)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _hash(part, found)
    elif isinstance(value, (bool, int, float, str, bytes)):
        found.update(repr(value).encode())
    else:
        try:
            if hasattr(value, "detach"):
                value = value.detach().cpu()
                value = value.double() if value.is_floating_point() else value
            array = np.asarray(value)
        except Exception:
            return
        if array.dtype.kind in "biufc":
            found.update(array.tobytes())


def _length(batch):
    if hasattr(batch, "shape"):
        return int(batch.shape[0]) if len(batch.shape) else 1
    parts = batch.values() if hasattr(batch, "values") else batch if isinstance(batch, (list, tuple)) else []
    return next((length for length in map(_length, parts) if length), None)


class _TorchSource:
    """The losses and gradients of a torch module at any point."""

    precisions = ("float32", "float64")

    def __init__(self, model, loss, components, weights=None, seed=0, count=None):
        import torch

        self.torch, self.model, self.loss, self.seed = torch, model, loss, seed
        self.components = _Components(components, weights, count)
        self.count, self.weight = self.components.count, self.components.weight
        self.parameters = TorchParameters(model)
        self.buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        self.flat = self.dtype = None

    def converted(self, precision):
        """This source, in another precision: a copy of the model where it has other numbers."""
        import copy

        dtype = getattr(self.torch, precision)
        if all(tensor.dtype == dtype for tensor in self.parameters.tensors):
            return self
        twin = _TorchSource(copy.deepcopy(self.model).to(dtype), self.loss, [None], None, self.seed)
        twin.components, twin.count, twin.weight, twin.dtype = self.components, self.count, self.weight, dtype
        return twin

    def _cast(self, batch):
        """Real numbers of a batch in the precision of a model that was converted."""
        if self.dtype is None:
            return batch
        if isinstance(batch, self.torch.Tensor):
            return batch.to(self.dtype) if batch.is_floating_point() else batch
        if hasattr(batch, "items"):
            return {key: self._cast(value) for key, value in batch.items()}
        if isinstance(batch, (list, tuple)):
            parts = [self._cast(value) for value in batch]
            return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
        return batch

    def evaluate(self, index, draw=0, with_gradient=True):
        """fᵢ, and leaves ∇fᵢ in the parameters' .grad. Masks are a function of (seed, draw, i); buffers stay as they were."""
        torch = self.torch
        if self.seed is not None:
            number = (self.seed * 1_000_003 + draw) * 1_000_003 + index
            torch.manual_seed(number)
            random.seed(number)
            np.random.seed(number % 2**32)
        for tensor in self.parameters.tensors:
            tensor.grad = None
        with torch.set_grad_enabled(with_gradient):
            loss = self.loss(self.model, self._cast(self.components.get(index)))
            if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
                raise TypeError("loss(model, batch) must return one number, as a tensor")
            if with_gradient:
                loss.backward()
        if self.model.training:
            with torch.no_grad():
                for buffer, kept in self.buffers:
                    buffer.copy_(kept)
        return float(loss.detach().double())

    def gradient(self, index, draw, into):
        loss = self.evaluate(index, draw)
        self.parameters.gradients(into)
        return loss

    def mean(self, indices, draw=0):
        """(losses, weights, Σ wᵢ∇fᵢ / Σ wᵢ in float64)"""
        total = sum(self.parameters.counts)
        if self.flat is None:
            self.flat = np.zeros(total, self.parameters.dtype)
        losses, weights, mean = [], [], np.zeros(total)
        for index in indices:
            losses.append(self.gradient(index, draw, self.flat))
            weights.append(self.weight(index))
            mean += weights[-1] * self.flat
        return losses, weights, mean / sum(weights)

    def undisturbed(self):
        """Puts gradients, buffers and random states back as the training loop has them."""
        import contextlib

        @contextlib.contextmanager
        def scope():
            torch = self.torch
            gradients = [tensor.grad for tensor in self.parameters.tensors]
            self.buffers = [(buffer, buffer.detach().clone()) for buffer in self.model.buffers()]
            states = random.getstate(), np.random.get_state(), torch.get_rng_state()
            devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
            try:
                yield
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])
                torch.set_rng_state(states[2])
                if devices:
                    torch.cuda.set_rng_state_all(devices)
                for tensor, gradient in zip(self.parameters.tensors, gradients):
                    tensor.grad = gradient
        return scope()

    def move(self, flat):
        self.parameters.write(flat)

    def diagnosis(self):
        """What may keep two evaluations from being equal."""
        found, modules = [], dict(self.model.named_modules())
        training = [name for name, module in modules.items() if module.training and not list(module.children())]
        dropout = [name for name in training if "Dropout" in type(modules[name]).__name__ and getattr(modules[name], "p", 0) > 0]
        if dropout and self.seed is None:
            found.append(f"dropout draws new masks every time ({', '.join(dropout[:3])}): leave out seed=None, or call model.eval()")
        norms = [name for name in training if "BatchNorm" in type(modules[name]).__name__]
        if norms:
            found.append(f"BatchNorm is in training mode ({', '.join(norms[:3])}): each component takes the statistics of its own batch; "
                         "call model.eval() to measure at the running ones")
        if self.torch.cuda.is_available():
            found.append("CUDA may add up in another order each time: torch.use_deterministic_algorithms(True) and "
                         "CUBLAS_WORKSPACE_CONFIG=:4096:8 forbid it")
        return found


class _TreeSource:
    """Losses and gradients of a function of a pytree: JAX's own derivative, or one that is given."""

    def __init__(self, tree, loss, components, weights=None, gradient=None, count=None):
        self.tree, self.components, self.parameters = tree, _Components(components, weights, count), TreeParameters(tree)
        self.count, self.weight = self.components.count, self.components.weight
        self.precisions = ("float64" if self.parameters.dtype == np.float64 else "float32",)
        self.function, self.loss, self.seed = gradient, loss, 0
        if gradient is None:
            import jax

            if jax.config.jax_enable_x64:
                self.precisions = ("float32", "float64")
            self.function = jax.jit(jax.value_and_grad(loss))
            self.loss = jax.jit(loss)
        self.point = tree

    def converted(self, precision):
        import copy

        twin = copy.copy(self)
        twin.dtype = np.dtype(precision)
        return twin

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
        self.source, self.name, self.memory, self.prepared, self.points = source, name, {}, {}, {}

    def vector(self, request, key):
        path, bytes_ = request["memory"], request["bytes"]
        if path not in self.memory:
            descriptor = os.open(path, os.O_RDWR)
            self.memory[path] = mmap.mmap(descriptor, bytes_)
            os.close(descriptor)
        kind = np.dtype(request["precision"])
        return np.frombuffer(self.memory[path], kind, sum(self.source.parameters.counts), request[key])

    def prepare(self, precision):
        if precision not in self.prepared:
            if precision not in self.source.precisions:
                raise ValueError(f"gradients in {precision} are not served: {', '.join(self.source.precisions)}")
            self.prepared[precision] = self.source.converted(precision)
        return self.prepared[precision]

    def version(self, request):
        return {"protocol": PROTOCOL, "software": f"{SOFTWARE} {__version__}, {self.source.parameters.software}"}

    def describe(self, request):
        parameters = self.source.parameters
        return {"name": self.name, "precisions": list(self.source.precisions), "components": self.source.count,
                "parameters": [{"name": name, "shape": list(shape)} for name, shape in zip(parameters.names, parameters.shapes)],
                "weights": [self.source.weight(index) for index in range(self.source.count)], "notes": self.source.diagnosis(),
                "digest": self.source.components.digest()}

    def parameters(self, request):
        vector = self.vector(request, "point")
        # Only before the first gradient are they what the script had made.
        self.source.parameters.read(vector, getattr(self.source, "tree", None))
        return {}

    def gradient(self, request):
        source = self.prepare(request["precision"])
        place = (request["memory"], request["point"], request["point_id"])
        if self.points.get(id(source)) != place:
            source.move(self.vector(request, "point"))
            self.points = {id(source): place}
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
        index, with count. Batch i must be the same whenever it is asked for.
    weights: the number of examples of each (default: the length of a batch's first array): a list or a function of the index.
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
            if not double and source.parameters.dtype == np.float32:
                source.precisions = ("float32",)
        else:
            source = _TreeSource(model, loss, components, weights, gradient, count)
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
