

# Losses and gradients -----------------------------------------------------------------------------------------------------


class _State:
    """What a forward pass may change in a model besides its trainable parameters, as it was, so that it can be put back: buffers, running statistics of
    submodules in training mode included, and tensors and numbers that are plain attributes."""

    def __init__(self, model):
        import torch

        self.torch, self.tables, self.entries, self.frozen = torch, [], [], []
        for module in model.modules():
            for table, is_copied in ((module._buffers, True), (module.__dict__, False)):
                self.tables.append((table, set(table.keys())))
                for key, value in list(table.items()):
                    if isinstance(value, torch.Tensor) or type(value) in (bool, int, float):
                        clone = value.detach().clone() if is_copied and value is not None else None
                        self.entries.append([table, key, value, self._version(value), clone, module])
        self.frozen = [(name, tensor, self._version(tensor)) for name, tensor in model.named_parameters() if not tensor.requires_grad]

    @staticmethod
    def _version(value):
        """Counts the changes of a tensor in place; None where nobody counts."""
        try:
            return getattr(value, "_version", None)
        except RuntimeError:
            return None

    def restore(self):
        for entry in self.entries:
            table, key, value, version, clone, module = entry
            if key not in table or table[key] is not value:
                table[key] = value
            # Batch normalisation changes its running statistics without counting.
            if clone is not None and (module.training or version is None or value._version != version):
                with self.torch.no_grad():
                    value.copy_(clone)
                entry[3] = self._version(value)
        for table, keys in self.tables:
            if len(table) != len(keys):
                for key in [key for key, value in table.items() if key not in keys and isinstance(value, (self.torch.Tensor, int, float))]:
                    del table[key]
        for name, tensor, version in self.frozen:
            if self._version(tensor) != version:
                raise RuntimeError(f"the loss changes the frozen parameter {name} while it is evaluated, so that it is another function the next time")


class _TorchSource:
    """The losses and gradients of a torch module at any point.

    In another precision it is the model itself that is converted, in place and back: a copy would leave behind what the script's functions hold.
    """

    INDEPENDENT = "the loss does not depend on the parameters of the model that it is given (another model of the script, detach or no_grad inside?)"

    def __init__(self, model, loss, components, weights=None, seed=0, count=None):
        import torch

        self.torch, self.model, self.loss, self.seed = torch, model, loss, seed
        self.components = _Components(components, weights, count)
        self.count, self.weight = self.components.count, self.components.weight
        self.parameters, self.state = TorchParameters(model), _State(model)
        self.precisions, self.notes, self.warnings = ("float32", "float64"), [], []
        types = {str(tensor.dtype).removeprefix("torch.") for tensor in self.parameters.tensors}
        # A model of several precisions is converted before it is evaluated, to one.
        self.own = self.precision = types.pop() if len(types) == 1 else "mixed"
        self.flat = self.point = None

    def prepare(self, precision):
        """Has the model in this precision. Says whether it was converted."""
        if precision == self.precision:
            return False
        if precision not in self.precisions:
            raise ValueError(f"gradients in {precision} are not served: {', '.join(self.precisions)}")
        self.state.restore()
        if self.precision == self.own:
            self.originals = [(tensor, tensor.data) for tensor in self.model.parameters()]
            self.original_buffers = [(module._buffers, key, buffer) for module in self.model.modules() for key, buffer in module._buffers.items()]
        if precision == self.own:
            # Not converted back: float32 has lost digits of a model in float64.
            for tensor, data in self.originals:
                tensor.data = data
            for table, key, buffer in self.original_buffers:
                table[key] = buffer
        elif precision == "float64":
            self.model.double()
        else:
            self.model.float()
        self.precision, self.point = precision, None
        self.parameters, self.state = TorchParameters(self.model), _State(self.model)
        return True

    def _cast(self, batch):
        """Real numbers of a batch in the precision of a model that was converted."""
        if self.precision == self.own:
            return batch
        if isinstance(batch, self.torch.Tensor):
            return batch.to(getattr(self.torch, self.precision)) if batch.is_floating_point() else batch
        if hasattr(batch, "items"):
            return {key: self._cast(value) for key, value in batch.items()}
        if isinstance(batch, (list, tuple)):
            parts = [self._cast(value) for value in batch]
            return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
        return batch

    def seeded(self, index, draw=0):
        """Masks and augmentations are a function of (seed, draw, i)."""
        if self.seed is not None:
            number = (self.seed * 1_000_003 + draw) * 1_000_003 + index
            self.torch.manual_seed(number)
            random.seed(number)
            np.random.seed(number % 2**32)

    def evaluate(self, index, draw=0, with_gradient=True, model=None, batch=None):
        """fᵢ, and leaves ∇fᵢ in the parameters' .grad. The model stays as it was, whatever its forward changes."""
        torch, tensors = self.torch, self.parameters.tensors
        self.seeded(index, draw)
        for tensor in tensors:
            tensor.grad = None
        versions = [tensor._version for tensor in tensors]
        try:
            with torch.set_grad_enabled(with_gradient):
                loss = self.loss(self.model if model is None else model, self._cast(self.components.get(index) if batch is None else batch))
                if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
                    raise TypeError("loss(model, batch) must return one number, as a tensor")
                if with_gradient:
                    if not loss.requires_grad:
                        raise ValueError(self.INDEPENDENT)
                    loss.backward()
        finally:
            self.state.restore()
        if any(tensor._version != version for tensor, version in zip(tensors, versions)):
            # As an embedding with max_norm does.
            if self.point is None:
                raise RuntimeError("the loss changes the parameters while it is evaluated (an embedding with max_norm, a projection inside forward?)")
            self.parameters.write(self.point)
        self.loss_type = loss.dtype
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
            self.state = _State(self.model)
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
        self.point = flat
        self.parameters.write(flat)

    def stay(self):
        """Takes the point where the model is for the one to which it goes back when a forward changes parameters."""
        self.point = np.zeros(sum(self.parameters.counts), self.parameters.dtype)
        self.parameters.read(self.point)

    # What must hold before anything is measured

    def trial(self, is_double=True):
        """Evaluates the first component, and refuses or remarks what would give wrong numbers. The model is then in its own precision again, or one of 16
        bits in float32."""
        self.components.require_same(self.seeded)
        main, other = ("float64", "float32") if self.own == "float64" else ("float32", "float64")
        self.prepare(main)
        self.stay()
        self.try_model()
        self._try_precision(other, is_double or main == "float64")
        self.prepare(main)
        self.point = None

    def try_model(self):
        """Whether the loss is one of the model that it is given, and gradients reach all of it; and the weights."""
        if not _uses_argument(self.model, lambda model: self.evaluate(0, with_gradient=False, model=model)):
            raise ValueError("the loss does not use the model that it is given, but another one, as the script's own: write loss(model, batch) with the "
                             "argument in it")
        self.evaluate(0)
        missing = [i for i, tensor in enumerate(self.parameters.tensors) if tensor.grad is None]
        if len(missing) == len(self.parameters.tensors):
            raise ValueError(self.INDEPENDENT)
        moving = self._moving(missing)
        if moving:
            self.warnings.append(
                f"the loss moves with {_listed(moving)}, and no gradient reaches them (detach, no_grad, .data or a copy in between?): their gradient counts as "
                "zero, which is wrong unless it is meant; then freeze them with requires_grad_(False)")
        modes = [(module, module.training) for module in self.model.modules()]

        def losses(batches):
            try:
                self.model.eval()
                return [self.evaluate(0, with_gradient=False, batch=batch) for batch in batches]
            finally:
                for module, mode in modes:
                    module.training = mode
        remark, is_settled = _weigh_labels(self.components, losses, max(self.torch.finfo(tensor.dtype).eps for tensor in self.parameters.tensors))
        if remark:
            (self.notes if is_settled else self.warnings).append(remark)
        for tensor in self.parameters.tensors:
            tensor.grad = None

    def _moving(self, indices):
        """The names of those parameters with which the loss changes; they are put back."""
        def changes(some):
            generator = self.torch.Generator().manual_seed(0)
            kept = [(self.parameters.tensors[i], self.parameters.tensors[i].detach().clone()) for i in some]
            with self.torch.no_grad():
                for tensor, old in kept:
                    noise = self.torch.randn(old.shape, generator=generator).to(old)
                    tensor.add_(noise * (0.01 * (old.abs().max() + 1)))
            try:
                value = self.evaluate(0, with_gradient=False)
            finally:
                with self.torch.no_grad():
                    for tensor, old in kept:
                        tensor.copy_(old)
            return not abs(value - base) <= 100 * precision * abs(base)

        if not indices:
            return []
        precision = max(self.torch.finfo(tensor.dtype).eps for tensor in self.parameters.tensors)
        base = self.evaluate(0, with_gradient=False)
        if not math.isfinite(base) or not changes(indices):
            return []
        return [self.parameters.names[i] for i in indices if changes([i])] or [self.parameters.names[i] for i in indices]

    def _try_precision(self, other, is_wanted):
        """Leaves out a precision in which the model cannot be run, and says so."""
        without = tuple(precision for precision in self.precisions if precision != other)
        if not is_wanted:
            self.precisions = without
            return
        try:
            self.prepare(other)
            self.stay()
            self.evaluate(0)
            if self.loss_type != getattr(self.torch, other) and other == "float64":
                self.notes.append("the loss comes in float32 from a model in float64, as where it calls .float(): float64 shows rounding in part only")
        except Exception as error:
            self.precisions = without
            self.warnings.append(
                f"{other} is not served, because the model or the loss does not run in it ({type(error).__name__}: {str(error).strip().splitlines()[0][:200]}): "
                "constants must be buffers, or made like their input" + ("; rounding is taken from the machine epsilon of float32" if other == "float64" else ""))
            # Half of it may be converted.
            self.precision = None
        finally:
            for tensor in self.parameters.tensors:
                tensor.grad = None

    def diagnosis(self):
        """What may keep two evaluations from being equal."""
        found, modules = list(self.notes), dict(self.model.named_modules())
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


def _listed(names):
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _uses_argument(model, evaluate):
    """Whether a loss looks at the model that it is given: it gets another object with all that belongs to the model, and is watched."""
    kind, seen = type(model), []

    def watched(self, name):
        seen.append(name)
        return kind.__getattribute__(self, name)

    try:
        shadow = object.__new__(type(kind.__name__, (kind,), {"__getattribute__": watched}))
        object.__getattribute__(shadow, "__dict__").update(model.__dict__)
    except Exception:
        # A kind that cannot be derived from, as a scripted module.
        return True
    seen.clear()
    try:
        evaluate(shadow)
    except Exception:
        # The model itself is evaluated next, and says what is wrong.
        return True
    return bool(seen)


class FixedSubset:
    """Gradients of one function at both ends of every saved step: the mean loss over batches that stay the same.

    model, loss, batches, weights: as for `serve`. groups: of batches, from whose spread standard errors come (as many gradients
    more on the disk); 0: none. population_weight: the number of examples of all training data.
    """

    def __init__(self, model, loss, batches, weights=None, description=None, groups=0, population_weight=None, seed=0):
        self.source = _TorchSource(_unwrapped(model), loss, batches, weights, seed)
        with self.source.undisturbed():
            self.source.components.require_same(self.source.seeded)
            self.source.try_model()
        self.weights = [self.source.weight(i) for i in range(self.source.count)]
        for remark in self.source.warnings + self.source.notes:
            _say(f"the fixed subset: {remark}" + ("; population_weight must count the same" if population_weight else ""))
        self.description = description or f"{self.source.count} fixed batches"
        mode = "train mode, masks a function of the batch" if model.training else "eval mode"
        self.evaluation = f"{mode}, {self.source.parameters.tensors[0].dtype}"
        self.group_count = min(groups, self.source.count) if groups > 1 else 0
        self.group_weights = [sum(self.weights[b::self.group_count]) for b in range(self.group_count)]
        self.population_weight = population_weight

    def evaluate(self):
        """(loss, gradient, gradients of the groups) where the model is; leaves gradients, buffers, and random states as they were."""
        parts = max(1, self.group_count)
        with self.source.undisturbed():
            found = [self.source.mean(range(b, self.source.count, parts)) for b in range(parts)]
        weights = np.array(self.group_weights or [1.0])
        loss = float(np.dot(weights, [np.dot(losses, w) / sum(w) for losses, w, _ in found]) / weights.sum())
        groups = np.stack([gradient for _, _, gradient in found])
        return loss, np.tensordot(weights / weights.sum(), groups, axes=1), groups
