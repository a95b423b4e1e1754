import Archives
import Essentials
import Foundation

/// Folders as trainers leave them: one with a model in it is a checkpoint, one with several checkpoints or files of tensors is a series.
public enum CheckpointFolder {
    /// How libraries name the weights of a checkpoint, the preferred first.
    private static let modelNames = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "diffusion_pytorch_model.safetensors", "adapter_model.safetensors", "adapter_model.bin",
    ]
    /// How they name what is saved beside the weights.
    private static var companions: Regex<(Substring, Substring)> {
        /(?i)^(optimizer|optim|scheduler|lr_scheduler|scaler|sampler|rng_state|random_states|training_args|custom_checkpoint)/
    }
    /// Where a Trainer saves the number of the iteration.
    private static let trainerState = "trainer_state.json"
    /// More than any index or log of a trainer is long.
    private static let mostJSONBytes = 1 << 28

    static func isFolder(_ path: String) -> Bool { PlaceKind(path) == .folder }

    private static func modelFile(in folder: String) -> String? {
        modelNames.map { folder + "/" + $0 }.first { FileManager.default.fileExists(atPath: $0) && !isFolder($0) }
    }

    /// - Throws: `SmoothnessError(.noInput)` for a folder without one.
    static func model(in folder: String) throws -> String {
        guard let file = modelFile(in: folder) else {
            throw SmoothnessError(
                .noInput, "is a folder without a model", file: folder,
                expected: modelNames.prefix(4).joined(separator: ", "),
                found: "none of them")
        }
        return file
    }

    /// The snapshots that these paths lead to, in natural order; folders become what lies in them.
    /// - Returns: the files, and what was left out, in words.
    /// - Throws: `SmoothnessError`, as `TensorFile`.
    public static func snapshots(_ paths: [String]) throws -> (files: [TensorFile], notes: [String]) {
        var notes: [String] = []
        var files: [TensorFile] = []
        for path in TensorFile.inNaturalOrder(try paths.flatMap { try inside($0, &notes) }) {
            files.append(try TensorFile(path))
        }
        // What else a folder holds is no obstacle; what was named is one.
        if paths.count < files.count || paths.contains(where: isFolder) {
            let empty = files.filter { !paths.contains($0.path) && !$0.root.mayHoldTensors }
            if empty.count < files.count {
                notes += empty.map { "left out \($0.path): no floating-point tensors in it" }
                files.removeAll { file in empty.contains { $0.path == file.path } }
            }
        }
        return (files, notes + files.flatMap(\.notes))
    }

    /// Whatever is to be opened for a path.
    private static func inside(_ path: String, _ notes: inout [String]) throws -> [String] {
        guard isFolder(path) else { return [path] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted()
        let places = names.map { path + "/" + $0 }
        let checkpoints = places.filter { isFolder($0) && modelFile(in: $0) != nil }
        if let model = modelFile(in: path) {
            guard !checkpoints.isEmpty else {
                notes += besides([path])
                return [path]
            }
            notes.append("left out \(model): it stands beside \(checkpoints.count) checkpoints")
        }
        if !checkpoints.isEmpty {
            notes += besides(checkpoints)
            return checkpoints
        }
        var others: [String] = []
        let files = places.filter { place in
            let name = URL(filePath: place).lastPathComponent
            if !isFolder(place), name.firstMatch(of: companions) == nil, TensorFile.mayBe(place) { return true }
            others.append(name)
            return false
        }
        if !others.isEmpty {
            notes.append(
                "left out in \(path): " + others.prefix(8).joined(separator: ", ") + (others.count > 8 ? ", …" : ""))
        }
        guard !files.isEmpty else {
            throw SmoothnessError(
                .noInput, "holds no snapshots", file: path, expected: "files of tensors, or folders with a model",
                found: names.isEmpty ? "nothing" : names.prefix(8).joined(separator: ", "))
        }
        return files
    }

    /// What stands beside the models of checkpoints and is not read, as their optimisers, in words.
    private static func besides(_ checkpoints: [String]) -> [String] {
        let names = Set(checkpoints.flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] })
            .filter {
                !$0.hasPrefix(".") && !modelNames.contains($0) && $0 != trainerState
                    && $0.firstMatch(of: /-[0-9]+-of-[0-9]+\./) == nil
            }
        guard !names.isEmpty else { return [] }
        return [
            "left out beside the model of each checkpoint: " + names.sorted().prefix(12).joined(separator: ", ")
                + (names.count > 12 ? ", …" : "")
        ]
    }

    // MARK: - Shards

    private struct Index: Decodable {
        /// The file of each tensor.
        var files: [String: String]

        enum CodingKeys: String, CodingKey { case files = "weight_map" }
    }

    /// The tensors of several files that one index puts together.
    static func shards(_ path: String) throws -> TensorFile.Contents {
        let file = try FileBytes(path)
        func damaged(_ object: String, _ expected: String, _ found: String) -> SmoothnessError {
            file.damaged(object, expected: expected, found: found)
        }
        guard file.count <= mostJSONBytes,
            let index = try? JSONDecoder().decode(Index.self, from: Data(try file.read(0, file.count, "index")))
        else { throw damaged("index", "a JSON object with weight_map", "something else") }
        let folder = URL(filePath: path).deletingLastPathComponent().path
        var contents = TensorFile.Contents(root: .dictionary([]), format: .safetensors)
        var members: [(name: String, value: TensorTree)] = []
        for shard in TensorFile.inNaturalOrder(Array(Set(index.files.values))) {
            guard !shard.isEmpty, !shard.contains("/"), !shard.contains("\0"), shard != "..", shard != "." else {
                throw damaged("weight_map", "names of files beside the index", shard)
            }
            let part = try TensorFile.contents(folder + "/" + shard)
            contents.shards.append(folder + "/" + shard)
            contents.format = part.format
            contents.notes += part.notes
            guard case .dictionary(let tensors) = part.root else { continue }
            members += tensors.filter { index.files[$0.name] == shard }
        }
        let found = Set(members.map(\.name))
        if let missing = index.files.keys.sorted().first(where: { !found.contains($0) }) {
            throw damaged(missing, "a tensor in \(index.files[missing] ?? "")", "none of this name")
        }
        contents.root = .dictionary(members)
        return contents
    }

    // MARK: - Iterations

    private struct TrainerState: Decodable {
        var step: Int

        enum CodingKeys: String, CodingKey { case step = "global_step" }
    }

    /// The iteration in the `trainer_state.json` beside a file.
    static func iteration(besides file: String) -> Int? {
        let path = URL(filePath: file).deletingLastPathComponent().appending(path: trainerState).path
        guard let bytes = try? FileBytes(path), bytes.count <= mostJSONBytes,
            let data = try? bytes.read(0, bytes.count, "state")
        else { return nil }
        return (try? JSONDecoder().decode(TrainerState.self, from: Data(data)))?.step
    }
}

extension TensorFile {
    /// Whether a file of a folder begins as one of the formats does.
    fileprivate static func mayBe(_ path: String) -> Bool {
        guard let file = try? FileBytes(path), let head = try? file.read(0, min(file.count, 20), "beginning") else {
            return false
        }
        if ZipArchive.begins(head) || NumPyReader.isArray(head) || head.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            return true
        }
        if head.starts(with: Array("MATLAB 7.3".utf8)) { return true }
        return (try? SafetensorsReader.begins(file)) ?? false
    }
}

extension TensorTree {
    /// Whether there is a tensor of floating-point numbers in it; also where it is too large to be looked through.
    var mayHoldTensors: Bool {
        var budget = 100_000
        return mayHoldTensors(&budget)
    }

    private func mayHoldTensors(_ budget: inout Int) -> Bool {
        budget -= 1
        guard budget > 0 else { return true }
        switch self {
        case .tensor, .unreadable: return true
        case .integer, .other: return false
        case .list(let items): return items.contains { $0.mayHoldTensors(&budget) }
        case .dictionary(let members): return members.contains { $0.value.mayHoldTensors(&budget) }
        }
    }
}
