

# The run file -------------------------------------------------------------------------------------------------------------


def step_norm(x, y, counts):
    """The norm of y − x, summed in the order of docs/run-file.md."""
    total, start = 0.0, 0
    for count in counts:
        d = y[start:start + count].astype("f8") - x[start:start + count].astype("f8")
        whole = count - count % 16
        lanes = np.zeros(16)
        # The order of a sum over the first axis is that of the rows.
        if whole:
            lanes += np.add.reduce(np.square(d[:whole]).reshape(-1, 16), axis=0)
        lanes[:count - whole] += d[whole:] ** 2
        for width in (8, 4, 2, 1):
            lanes[:width] += lanes[width:2 * width]
        total, start = total + lanes[0], start + count
    return math.sqrt(total)


def _start_time(process):
    """In ticks since the machine was started; -1 for a process that has ended and is not yet collected, None where there is none."""
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return -1 if fields[0] == "Z" else int(fields[19])


def _host():
    return hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:8]


def _name_in_the_making(path):
    """As the program names files while it makes them: NAME.creating-HOST-PROCESS-START-NUMBER."""
    process = os.getpid()
    return f"{path}.creating-{_host()}-{process}-{_start_time(process) or 0}-{random.SystemRandom().getrandbits(32):x}"


def _remove_leftovers(path):
    """What processes of this machine left that were killed while they made this very file."""
    if _start_time(os.getpid()) is None:
        return
    folder, name = os.path.split(os.path.abspath(path))
    for other in os.listdir(folder):
        host, process, start, *_ = (other[len(name) + 10:].split("-") if other.startswith(name + ".creating-") else []) + [""] * 3
        if host != _host() or not (process.isdecimal() and start.isdecimal()):
            continue
        if _start_time(process) != int(start):
            try:
                os.unlink(os.path.join(folder, other))
            except OSError:
                pass


def _content(file, path):
    """The bytes of a dataset, or of an attribute after an @, as a digest takes them; None where there is none."""
    path, _, name = path.partition("@")
    if path != "/" and path not in file or name and name not in file[path].attrs:
        return None
    value = file[path].attrs[name] if name else file[path][()]
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if value.dtype == object:
        return b"\n".join(text if isinstance(text, bytes) else text.encode() for text in value)
    return np.asarray(value).tobytes()


class RunFile:
    """A run file in the making, under the crash rule: all that rows need lies in the file before the first of them, and a row is counted
    when it is whole. After its creation the file is written with pwrite(2) alone, which outlives the process. A file that it is to replace
    stays where it is until this one is complete, which lies beside it until then, as PATH.unfinished."""

    COLUMNS = {
        "loss": ("f8", "minibatch loss", "f(x_k) on the minibatch of the iteration, before the update"),
        "gradient_norm": ("f8", "minibatch gradient norm before clipping", "Euclidean norm of the gradient of the minibatch loss at x_k"),
        "step_norm": ("f8", "step norm", "Euclidean norm of x_{k+1} - x_k, in double precision"),
        "learning_rate": ("f8", "learning rate", "the step size eta of the iteration"),
        "clipped": ("u1", "whether clipping shortened the step", "1 if the clip norm was active, else 0"),
        "status": ("u1", "status of the row", "0 ok; 1 non-finite: the loss, the gradient, x_k or x_{k+1} holds NaN or infinity; 2 zero step"),
    }

    MAYBE = ("loss", "gradient_norm", "learning_rate")

    def __init__(self, path, parameters, iterations, total, objective, optimizer, unknown=(), gradients=False, fixed=None, consecutive=False):
        import h5py

        self.path, self.names, self.consecutive, self.unknown, self.sums = path, {}, consecutive, set(unknown), {}
        beside = path + ".unfinished"
        self.place = beside if os.path.lexists(path) or os.path.lexists(beside) else path
        for made in (path, beside):
            _remove_leftovers(made)
        temporary = _name_in_the_making(self.place)
        try:
            with h5py.File(temporary, "w") as file:
                self._create(h5py, file, parameters, iterations, total, objective, optimizer, unknown, gradients, fixed)
            # In a file freshly opened the library makes a heap of its own for this text, with room for its successors.
            with h5py.File(temporary, "r+") as file:
                file.attrs["state"] = "writing"
            self.descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
            self._lock()
            os.posix_fallocate(self.descriptor, 0, os.fstat(self.descriptor).st_size)
            os.rename(temporary, self.place)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
        self.byte_count = os.fstat(self.descriptor).st_size

    def _lock(self):
        """What tells `smoothness estimate --follow` that somebody writes; a file system without locks does without."""
        try:
            import fcntl
            fcntl.fcntl(self.descriptor, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        except (OSError, ImportError):
            pass

    def _create(self, h5py, file, parameters, iterations, total, objective, optimizer, unknown, gradients, fixed):
        place = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        place.set_layout(h5py.h5d.CONTIGUOUS)
        place.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        place.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        rows, width, scalar = len(iterations), sum(parameters.counts), parameters.dtype.str

        def describe(item, long_name, definition, **more):
            for name, text in dict(long_name=long_name, definition=definition, **more).items():
                item.attrs[name] = text

        def reserve(path, dtype, shape, long_name, definition, initial=None, **more):
            group = file.require_group(os.path.dirname(path))
            kind = h5py.h5t.py_create(np.dtype(dtype).newbyteorder("<"))
            space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
            dataset = h5py.Dataset(h5py.h5d.create(group.id, os.path.basename(path).encode(), kind, space, dcpl=place))
            describe(dataset, long_name, definition, **more)
            if initial is not None:
                dataset[...] = initial
            self.names[path] = (dataset.id.get_offset(), np.dtype(dtype).newbyteorder("<"), shape)

        for name, value in {
            "format": "smoothness-run", "format_version": "1.1", "run_id": str(uuid.uuid4()),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "software": SOFTWARE,
            "software_version": __version__, "hdf5_version": h5py.version.hdf5_version,
        }.items():
            file.attrs[name] = value
        text = h5py.string_dtype("utf-8")
        for name, value, long_name in (("objective", objective, "description of the objective"), ("optimizer", optimizer, "description of the optimiser")):
            describe(file.create_dataset(name, data=json.dumps(value, sort_keys=True), dtype=text), long_name, "JSON object")
        rank = max(1, max(len(shape) for shape in parameters.shapes))
        offsets = np.concatenate([[0], np.cumsum(parameters.counts)[:-1]])
        table = [("name", np.array(parameters.names, dtype=object), text), ("offset", offsets, "<i8"), ("count", parameters.counts, "<i8"),
                 ("shape", [list(shape) + [-1] * (rank - len(shape)) for shape in parameters.shapes], "<i8")]
        for name, value, kind in table:
            described = file.create_dataset("parameters/" + name, data=np.asarray(value, dtype=object if name == "name" else "i8"), dtype=kind)
            describe(described, f"{name} of the parameter blocks", "one a block, in the order of the flat vector; shapes are row-major and padded with -1")
        for path in ("/commit", "/history/commit", "/history/evaluation/commit"):
            reserve(path, "u8", (), "number of committed rows", "a row of the group counts only if its index is below this number", initial=0)
        for group, count in (("/trajectory/", rows), ("/history/", total)):
            for name, (dtype, long_name, definition) in self.COLUMNS.items():
                is_absent = name in unknown
                # NaN stands where a number is not known, in whole columns or in rows.
                more = {"recorded": "no" if is_absent else "partly"} if is_absent or name in self.MAYBE else {}
                reserve(group + name, dtype, (count,), long_name, definition, (0 if dtype == "u1" else np.nan) if is_absent else None, **more)
        for name, dtype in (("epoch", "i8"), ("iteration", "i8"), ("training_loss", "f8"), ("validation_loss", "f8"), ("metric", "f8")):
            more = {"metric_name": ""} if name == "metric" else {}
            reserve("/history/evaluation/" + name, dtype, (0,), name.replace("_", " "), "of an evaluation on held-out data", **more)
        reserve("/trajectory/iteration", "i8", (rows,), "iteration of the row", "k, the number of updates done before the row's iterate", iterations)
        # Where every iteration is saved, x_{k+1} of a row is x_k of the next one, and there is one row more of it.
        after = "; row i + 1 is x_{k+1} of row i" if self.consecutive else ""
        reserve("/trajectory/iterate", scalar, (rows + self.consecutive, width), "iterate", "flat parameter vector x_k" + after)
        if not self.consecutive:
            reserve("/trajectory/next_iterate", scalar, (rows, width), "next iterate", "flat parameter vector x_{k+1}, one update after the iterate")
        if gradients:
            reserve("/trajectory/gradient", scalar, (rows, width), "minibatch gradient before clipping",
                    "gradient of the minibatch loss of iteration k at x_k", clipping="before", examples="the minibatch of iteration k")
        if fixed:
            self._create_fixed(file, reserve, fixed, rows, width, scalar)
        self._create_checksums(file, reserve, rows)

    def _create_checksums(self, file, reserve, rows):
        """A table for all datasets of as many rows, one column each, and a digest over what never changes: docs/run-file.md, "Checksums"."""
        fixed = ("component", "component_weight", "group_weight", "population_weight")
        tables = {}
        for path, (_, _, shape) in list(self.names.items()):
            group, name = path.rsplit("/", 1)
            if group in ("/trajectory", "/fixed_subset") and name not in fixed:
                tables.setdefault("trajectory" if shape[0] == rows else "points", []).append(path)
            elif name != "commit" and group in ("/history", "/history/evaluation"):
                tables.setdefault("history" if group == "/history" else "evaluation", []).append(path)
        for table, covers in tables.items():
            reserve("/checksums/" + table, "u4", (self.names[covers[0]][2][0], len(covers)), "checksums of rows",
                    "CRC-32 of the bytes of every row of the datasets that the attribute covers names, one column each", covers="\n".join(covers))
            self.sums.update({path: ("/checksums/" + table, column) for column, path in enumerate(covers)})
        attributes = ["/@" + name for name in ("format", "format_version", "run_id", "created", "software", "software_version", "hdf5_version")]
        attributes += [f"/{group}/{name}@recorded" for group in ("history", "trajectory") for name in ("loss", "gradient_norm", "learning_rate", "clipped")]
        attributes += ["/history/evaluation/metric@metric_name", "/trajectory/gradient@clipping", "/trajectory/gradient@examples",
                       "/fixed_subset@subset", "/fixed_subset@evaluation"]
        datasets = ["/objective", "/optimizer"] + ["/parameters/" + name for name in ("name", "shape", "offset", "count")]
        covers = [path for path in attributes + datasets + ["/fixed_subset/" + name for name in fixed] if _content(file, path) is not None]
        contents = ((path, _content(file, path)) for path in covers)
        digest = hashlib.sha256(b"".join(f"{path}\t{len(data)}\n".encode() + data for path, data in contents)).digest()
        reserve("/checksums/definition", "u1", (32,), "digest of the definition",
                "SHA-256 over what the attribute covers names: for each its name, a tab, its number of bytes, a line feed, its bytes",
                np.frombuffer(digest, "u1"), covers="\n".join(covers))

    def _create_fixed(self, file, reserve, fixed, rows, width, scalar):
        group = file.require_group("fixed_subset")
        group.attrs["subset"], group.attrs["evaluation"] = fixed.description, fixed.evaluation
        points = (("", "x_k; row i + 1 is at x_{k+1} of row i"),) if self.consecutive else (("", "x_k"), ("next_", "x_{k+1}"))
        extent = rows + self.consecutive
        shapes = {"gradient": (scalar, (extent, width)), "loss": ("f8", (extent,))}
        if fixed.group_count > 1:
            shapes["group_gradient"] = (scalar, (extent, fixed.group_count, width))
        for name, (dtype, shape) in shapes.items():
            for prefix, point in points:
                reserve(f"/fixed_subset/{prefix}{name}", dtype, shape, f"{name.replace('_', ' ')} on the fixed subset", f"at {point}")
        weights = np.asarray(fixed.weights, dtype="f8")
        reserve("/fixed_subset/component", "i8", (len(weights),), "components", "those of the subset, in order", np.arange(len(weights)))
        reserve("/fixed_subset/component_weight", "f8", (len(weights),), "weights of the components", "numbers of examples", weights)
        if fixed.group_count > 1:
            reserve("/fixed_subset/group_weight", "f8", (fixed.group_count,), "weights of the groups", "numbers of examples", fixed.group_weights)
        if fixed.population_weight:
            reserve("/fixed_subset/population_weight", "f8", (), "weight of all data", "number of examples", float(fixed.population_weight))

    def put_next(self, group, name, row, values):
        """Writes what belongs to x_{k+1} of a row."""
        if self.consecutive:
            self.put(group + name, row + 1, values)
        else:
            self.put(f"{group}next_{name}", row, values)

    def put(self, path, row, values):
        """Writes a row, or a number."""
        offset, dtype, shape = self.names[path]
        data = np.ascontiguousarray(values, dtype=dtype)
        width = int(np.prod(shape[1:], dtype="i8")) * dtype.itemsize if shape else dtype.itemsize
        if data.nbytes != width:
            raise ValueError(f"{path}: a row has {width} bytes, not {data.nbytes}")
        bytes_ = memoryview(data.reshape(-1).view("u1"))
        self._write(bytes_, offset + row * width)
        if path in self.sums:
            table, column = self.sums[path]
            start, _, (_, columns) = self.names[table]
            self._write(struct.pack("<I", zlib.crc32(bytes_)), start + 4 * (row * columns + column))

    def _write(self, rest, place):
        while rest:
            written = os.pwrite(self.descriptor, rest[:1 << 30], place)
            rest, place = rest[written:], place + written

    def close(self, state):
        """Changes the state, in place, and asks the disk to hold everything; a complete file then takes the place of the one that it replaces."""
        import h5py

        try:
            file = h5py.File(self.place, "r+", locking=False)
        except (TypeError, ValueError):
            file = h5py.File(self.place, "r+")
        with file:
            # Reading the old text shows the library the heap that has room.
            if file.attrs["state"] != state:
                file.attrs.modify("state", state)
        os.fsync(self.descriptor)
        os.close(self.descriptor)
        if self.place != self.path:
            if state == "complete" or not os.path.lexists(self.path):
                os.rename(self.place, self.path)
                self.place = self.path
            else:
                _say(f"{self.path} stays as it was: what was recorded until now is in {self.place}")
