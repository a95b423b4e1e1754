

# Recording ----------------------------------------------------------------------------------------------------------------


class FixedSubset:
    """Gradients of one function at both ends of every saved step: the mean loss over batches that stay the same.

    model, loss, batches, weights: as for `serve`. groups: of batches, from whose spread standard errors come (as many gradients
    more on the disk); 0: none. population_weight: the number of examples of all training data.
    """

    def __init__(self, model, loss, batches, weights=None, description=None, groups=0, population_weight=None, seed=0):
        self.source = _TorchSource(_unwrapped(model), loss, batches, weights, seed)
        self.weights = [self.source.weight(i) for i in range(self.source.count)]
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


def _plain(value):
    """In JSON's terms: numbers of NumPy, PyTorch and JAX as numbers, what is none of them in words."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "item") and (value.numel() if hasattr(value, "numel") else value.size) == 1:
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


class Recorder:
    """Saves x_k, x_{k+1} and the history of a training loop into a run file. Nothing that is counted in the file is lost when the process dies.

    path: the run file; must not exist unless overwrite=True.
    parameters: model.named_parameters(), the model itself, or a pytree of JAX or NumPy arrays. Only parameters that are trained are
        saved, tied ones once, 16-bit ones widened to 32.
    capacity: how many steps there is room for. every: iterations 0, n, 2n, … are saved; those after `capacity` of them are not, or go to other files.
    files: how many files of that capacity there may be: after run.h5 come run.2.h5, run.3.h5, …, each a whole run file, made when the one before is
        full. Only the first has the losses of iterations that are not saved.
    iterations: how many there will be, where it is known: without `every` the steps are then spread over all of them, and the history goes on to
        the end. Without either every iteration is saved.
    pairs: saves both ends of every step though every=1. Otherwise x_{k+1} of an iteration is x_k of the next one and stands in the file once;
        then no iteration may be left out, and nothing but the optimiser may change the parameters.
    optimizer: a dictionary that says how x_{k+1} comes from x_k (algorithm, learning_rate, clip_norm, beta, …), or the torch
        optimiser itself, whose learning rate is then read at every step.
    description: of the model, in words. objective: in its place a whole description in JSON's terms, of an objective that smoothness can
        make itself.
    fixed_subset: a FixedSubset, for an estimate without the model.
    store_gradients: saves the minibatch gradient of saved iterations as well, before clipping: where before_step comes after it, with the
        gradient_norm that clip_grad_norm_ returned, it is made as long again.
    history: False saves time: the losses and step norms of iterations that are not saved are left out.
    gradient_scale: what gradients are multiplied with at before_step: a number, a function, or the GradScaler itself.

    Only the first process of a distributed run writes; in all others every call does nothing. Recording never stops a training run: where it
    cannot go on it says so once, ends the file in order, and lets the training go on.
    """

    def __init__(self, path, parameters, capacity, every=None, optimizer=None, *, description=None, objective=None, clip_norm=None, fixed_subset=None,
                 store_gradients=False, history=True, gradient_scale=1.0, iterations=None, pairs=False, overwrite=False,
                 quiet=False, files=1):
        if every is None:
            every = max(1, -(-iterations // (capacity * files))) if iterations and capacity > 0 and files > 0 else 1
        if capacity < 1 or every < 1 or files < 1:
            raise ValueError(f"capacity, every and files must be 1 or more, not {capacity}, {every} and {files}")
        stem, ending = os.path.splitext(os.path.abspath(path))
        self.paths = [f"{stem}.{number}{ending}" if number > 1 else stem + ending for number in range(1, files + 1)]
        self.path, self.every, self.quiet, self.number = self.paths[0], every, quiet, 1
        self.capacity, self.consecutive, self.iterations = capacity, every == 1 and not pairs, iterations or 0
        self._plan(0)
        self.keeps_history, self.store_gradients, self.fixed = history, store_gradients, fixed_subset
        self.gradient_scale, self.description, self.objective = gradient_scale, description, objective
        self.parameters = parameters if hasattr(parameters, "counts") else _parameters(parameters)
        self.active = self.parameters.is_writer
        self.live = optimizer if hasattr(optimizer, "param_groups") else None
        self.settings = self._settings(optimizer, clip_norm)
        self.clip_norm = self.settings.get("clip_norm")
        self.file, self.row, self.counted, self.pending, self.last = None, 0, 0, None, None
        self.spent, self.began, self.next_k, self.done, self.told = 0.0, None, 0, None, set()
        for described in (self.settings, objective):
            # What cannot be written is told here, not at the first step.
            json.dumps(described)
        if not self.active:
            return
        for standing in filter(os.path.exists, self.paths):
            if not overwrite:
                raise FileExistsError(f"{standing} exists: name another file, or pass overwrite=True")
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileNotFoundError(f"there is no folder {os.path.dirname(self.path)}: create it first")
        width = sum(self.parameters.counts)
        groups = fixed_subset.group_count if fixed_subset else 0
        ends = (capacity + 1 if self.consecutive else 2 * capacity) * (1 + (1 + groups if fixed_subset else 0))
        needed = (ends + bool(store_gradients) * capacity) * width * self.parameters.dtype.itemsize
        disk = os.statvfs(os.path.dirname(self.path))
        if needed > disk.f_bavail * disk.f_frsize:
            raise OSError(28, f"the recording needs {needed / 1e9:.1f} GB and the disk has {disk.f_bavail * disk.f_frsize / 1e9:.1f}: lower capacity",
                          self.path)
        steps = f"1 step in {every}" if every > 1 else "every step"
        reach = capacity * every * files
        size = f"{needed / 1e6:,.1f} MB" + (f" in each of up to {files} files" if files > 1 else "")
        self._print(f"recording {steps} of {min(reach, iterations or reach):,} iterations, of {width:,} parameters, {size} → {self.path}")
        self.x, self.y = (np.zeros(width, self.parameters.dtype) for _ in range(2))
        self.g = np.zeros(width, self.parameters.dtype) if store_gradients else None

    def _plan(self, first):
        """Rows from iteration `first` on, and the length of the history."""
        self.saved = [first + row * self.every for row in range(self.capacity)]
        self.total = max(self.iterations, self.saved[-1] + self.every)

    def _settings(self, optimizer, clip_norm):
        settings = _plain(dict(optimizer)) if isinstance(optimizer, dict) else {}
        if self.live is not None:
            group = self.live.param_groups[0]
            plain = {key: value for key, value in group.items() if isinstance(value, (bool, int, float, str))}
            name = type(self.live).__name__.lower()
            algorithm = {"sgd": "heavy-ball" if group.get("momentum") else "sgd"}.get(name, name)
            settings = {"algorithm": algorithm, "learning_rate": float(group["lr"]), "torch": {"class": type(self.live).__name__, **plain}}
            if group.get("momentum"):
                settings["beta"] = float(group["momentum"])
        if clip_norm is not None:
            settings["clip_norm"] = float(clip_norm)
            if settings.get("algorithm") == "sgd":
                settings["algorithm"] = "clipping"
        return settings

    def _print(self, text):
        if not self.quiet:
            _say(text)

    def _warn(self, key, text):
        """Says it once."""
        if key not in self.told:
            self.told.add(key)
            _say(text)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close(None if kind is None else "interrupted")

    # The two calls of a training loop

    def before_step(self, k=None, loss=None, *, gradient_norm=None, learning_rate=None, clipped=None, parameters=None, gradients=None):
        """Call when the gradient of iteration k is there and the parameters are still x_k; before clipping, or with the
        gradient_norm that clip_grad_norm_ returned ("unknown" leaves it out). k counts updates of the parameters, from 0; left out: one more than before. JAX: pass the
        parameters, and the gradients where their norm or they themselves are to be saved."""
        k = self.next_k if k is None else int(k)
        latest, self.next_k = self.next_k - 1, k + 1
        if not self.active:
            return
        began = time.perf_counter()
        if self.began is None:
            self.began = began
        try:
            if k < latest or k == self.done:
                raise ValueError(f"k came as {k} after {latest}: it counts the updates of the whole training. Leave it out, and they are counted")
            if self.pending is not None:
                self._warn("after", f"after_step was not called after before_step({self.pending[0]}): without it nothing is saved")
            self._before(k, loss, gradient_norm, learning_rate, clipped, parameters, gradients)
        except Exception as error:
            self._stop(f"recording stopped at iteration {k}: {type(error).__name__}: {error}")
        self.spent += time.perf_counter() - began

    def after_step(self, *, parameters=None):
        """Call when the parameters are x_{k+1}."""
        if not self.active or self.pending is None:
            return
        began = time.perf_counter()
        try:
            self._after(parameters)
        except Exception as error:
            self._stop(f"recording stopped: {type(error).__name__}: {error}")
        if self.pending is not None:
            self.done = self.pending[0]
        self.pending = None
        self.spent += time.perf_counter() - began

    def _scale(self):
        scale = self.gradient_scale
        if hasattr(scale, "get_scale"):
            # A GradScaler whose unscale_(optimizer) was called has the gradients as they are.
            stages = [state.get("stage") for state in getattr(scale, "_per_optimizer_states", {}).values()]
            return 1.0 if any(getattr(stage, "name", "") == "UNSCALED" for stage in stages) else float(scale.get_scale())
        return float(scale() if callable(scale) else scale)

    def _before(self, k, loss, norm, rate, clipped, tree, gradients):
        if self.row == self.capacity and k >= self.saved[-1] + self.every and k % self.every == 0 and self.number < len(self.paths):
            self._continue()
        if self.file is None and k % self.every == 0:
            # A training that goes on where another one ended does not begin with 0.
            self._plan(k)
            self.first = k if self.number == 1 else self.first
        is_saved = self.row < self.capacity and k >= self.saved[self.row] and k % self.every == 0
        has_history = self.keeps_history and k == self.counted and k < self.total
        if self.row == self.capacity and k >= self.saved[-1] + self.every:
            where = self.path if self.number == 1 else f"{self.path}, the last of {self.number} files,"
            self._warn("full", f"{where} has no room for more than {self.capacity} steps: none is saved from iteration {k} on; training goes on")
        if is_saved and k >= self.total:
            raise ValueError(f"there are iterations left out, and {k} is beyond the {self.total} that the file has room for: say how many there "
                             "will be, with iterations=…")
        if is_saved and self.consecutive and self.row > 0 and k != self.last + 1:
            raise ValueError(f"every=1 saves every iteration, and after {self.last} came {k}: record with every={k - self.last}, or with pairs=True")
        if not is_saved and not has_history:
            return
        if rate is None:
            rate = float(self.live.param_groups[0]["lr"]) if self.live else self.settings.get("learning_rate")
        scale = self._scale()
        if isinstance(norm, str):
            norm = None
        elif norm is not None:
            norm = float(norm)
        elif gradients is not None:
            flat = np.zeros_like(self.x)
            self.parameters.gradients(flat, gradients)
            norm = float(np.linalg.norm(flat.astype("f8"))) / scale
        else:
            norm = self.parameters.gradient_norm()
            norm = None if norm is None else norm / scale
        if self.file is None:
            self._create(tree, loss, norm, rate)
        if is_saved or not hasattr(self.parameters, "copies"):
            self.parameters.read(self.x, tree)
            before = None
        else:
            before = self.parameters.copies()
        if is_saved:
            self._save_before(k, gradients, scale, norm)
        if clipped is None:
            clipped = bool(self.clip_norm and norm is not None and norm > self.clip_norm)
        loss = loss.detach() if hasattr(loss, "detach") else loss
        numbers = [math.nan if value is None else float(value) for value in (loss, norm, rate)]
        self.pending = (k, is_saved, has_history, before, numbers, clipped)

    def _create(self, tree, loss, norm, rate):
        """At the first step it is known which numbers there will be."""
        unknown = [name for name, value in (("loss", loss), ("gradient_norm", norm), ("learning_rate", rate)) if value is None]
        self.unknown = set(unknown)
        objective = {"kind": "external", "description": self.description or f"a model of {len(self.parameters.names)} blocks of parameters",
                     "software": self.parameters.software}
        if self.parameters.frozen:
            objective["frozen"] = self.parameters.frozen
        self.file = RunFile(self.path, self.parameters, self.saved, self.total, self.objective or objective, self.settings, unknown, self.store_gradients, self.fixed, self.consecutive)

    def _continue(self):
        """In the next file, where this one is full."""
        full = self.path
        self.file.close("complete")
        self.path, self.number = self.paths[self.number], self.number + 1
        self.file, self.row, self.counted, self.last = None, 0, 0, None
        self._print(f"{full} is full with {self.capacity} steps: going on in {self.path}")

    def _save_before(self, k, gradients, scale, norm):
        follows = self.row > 0 and self.last == k - 1 and self.x.tobytes() == self.y.tobytes()
        if self.consecutive and self.row > 0 and not follows:
            raise RuntimeError("the parameters changed between after_step and before_step (an average swapped in, a checkpoint loaded?); "
                               "pairs=True allows that")
        if not (self.consecutive and follows):
            self.file.put("/trajectory/iterate", self.row, self.x)
        if self.store_gradients:
            self.parameters.gradients(self.g, gradients)
            if scale != 1:
                self.g /= scale
            length = float(np.linalg.norm(self.g.astype("f8")))
            if norm is not None and 0 < length < norm * (1 - 1e-3) and math.isfinite(norm):
                # It was clipped before it came here.
                self.g *= norm / length
            self.file.put("/trajectory/gradient", self.row, self.g)
        if self.fixed and not (self.consecutive and follows):
            # The gradient where the step before ended is known.
            self._put_fixed(self.fixed_end if follows else self.fixed.evaluate(), lambda name, data: self.file.put("/fixed_subset/" + name, self.row, data))

    def _put_fixed(self, found, put):
        self.fixed_end = found
        loss, gradient, groups = found
        put("gradient", gradient)
        put("loss", [loss])
        if self.fixed.group_count:
            put("group_gradient", groups)

    def _after(self, tree):
        k, is_saved, has_history, before, numbers, clipped = self.pending
        if before is None:
            self.parameters.read(self.y, tree)
            step = step_norm(self.x, self.y, self.parameters.counts)
        else:
            step = self.parameters.step_norm(before)
        numbers = dict(zip(("loss", "gradient_norm", "learning_rate"), numbers))
        is_finite = math.isfinite(step) and all(math.isfinite(value) for name, value in numbers.items() if name not in self.unknown)
        status = 1 if not is_finite else 2 if step == 0 else 0
        numbers.update(dict.fromkeys(self.unknown, math.nan))
        values = dict(numbers, step_norm=step, clipped=int(clipped), status=status)
        if is_saved:
            self.file.put_next("/trajectory/", "iterate", self.row, self.y)
            if self.fixed:
                self._put_fixed(self.fixed.evaluate(), lambda name, data: self.file.put_next("/fixed_subset/", name, self.row, data))
            self._put("/trajectory/", self.row, values)
            self.file.put("/trajectory/iteration", self.row, [k])
        if has_history:
            self._put("/history/", k, values)
            self.counted += 1
            self.file.put("/history/commit", 0, [self.counted])
        if is_saved:
            self.row += 1
            self.last = k
            self.file.put("/commit", 0, [self.row])

    def _put(self, group, row, values):
        for name, value in values.items():
            self.file.put(group + name, row, [value])

    # The end

    def _stop(self, reason):
        self.active, self.pending = False, None
        _say(reason)
        self._finish("interrupted")

    def _finish(self, state):
        if self.file is None:
            return
        try:
            self.file.close(state)
        except Exception as error:
            _say(f"{self.path} could not be closed in order ({error}); what is counted in it is whole")
        place = self.file.place
        self.file, self.active = None, False
        if self.began is not None:
            whole = max(time.perf_counter() - self.began, 1e-9)
            count, where = (self.number - 1) * self.capacity + self.row, "" if self.number == 1 else f"{self.number} files, the last of them "
            self._print(f"recorded {count} steps in {where}{place}: {self.spent:.2f} s of {whole:.2f} s of training, {100 * self.spent / whole:.1f} %")
            if "full" in self.told:
                first, reached = self.first, self.next_k - self.first
                self._print(f"they reach from iteration {first} to {self.last}, of {self.next_k:,}: every={-(-reached // count)}, or "
                            f"iterations={self.next_k} without every, spreads {count} steps over all of them; files={-(-reached // (self.capacity * self.every))} has room for all")

    def close(self, state=None):
        """Ends the file: `complete`, or `interrupted` where the training was."""
        if self.file is not None:
            self._finish(state or "complete")
        elif self.active and self.row == 0:
            why = f"no k was a multiple of every={self.every}" if self.began is not None else "before_step was not called"
            self._print(f"nothing was recorded: {why}, and there is no {self.path}")
        self.active = False
