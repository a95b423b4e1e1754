import Essentials
import Evaluation
import Foundation
import ParameterSpace

/// One gradient process: started when it is first needed, started again when it dies, and asked in lines of JSON.
///
/// `@unchecked Sendable`: a worker belongs to the one thread to which the pool has lent it.
final class GradientWorker: @unchecked Sendable {
    /// How often in a row a process may die without having answered.
    static let patience = 3
    /// Lines before the first answer, and their bytes, that are passed over.
    private static let (mostLines, mostBytes) = (100_000, 1 << 24)

    /// Bytes of an answer, but for the numbers in it, each of which takes no more than that.
    private static let (longestAnswer, longestNumber) = (1 << 20, 64)

    let index: Int
    private let settings: GradientProcessSettings
    private var process: ChildProcess?
    private var vectors: SharedVectors?
    private var lastID = 0
    /// Sent and not answered, the oldest first: what a new process is asked again.
    private var outstanding: [GradientRequest] = []
    private var deaths = 0
    private var pointID: Int?
    /// What the process said first; one that is started again must say the same.
    private(set) var description: GradientDescription?
    private(set) var software = ""
    private(set) var restartCount = 0

    init(index: Int, settings: GradientProcessSettings) {
        self.index = index
        self.settings = settings
    }

    /// What the first process of all has said.
    func expect(_ description: GradientDescription) { self.description = description }

    // MARK: requests

    /// Starts the process, if none is there.
    /// - Throws: `SmoothnessError` that tells why it does not answer.
    @discardableResult
    func start() throws -> GradientDescription {
        if let description, process != nil { return description }
        return try surviving {
            try connect()
            return description!
        }
    }

    /// Has the process put its own parameters into `point`.
    func readParameters<Scalar: ParameterScalar>(into point: inout [Scalar]) throws {
        try start()
        try prepareVectors()
        pointID = nil
        try surviving {
            try connect()
            var request = try request(Scalar.self, [], pointID: 0, slot: nil, draw: 0)
            request.request = "parameters"
            _ = try answer(to: send(request), seconds: settings.secondsPerComponent)
        }
        vectors!.read(vectors!.pointOffset, into: &point)
    }

    /// Sends a request whose answer `finish` waits for.
    func begin<Scalar: ParameterScalar>(
        _ components: [Int], at point: [Scalar], pointID: Int, slot: Int?, draw: UInt64
    ) throws {
        try start()
        try prepareVectors()
        if self.pointID != pointID {
            precondition(outstanding.isEmpty, "a point is not replaced while it is in use")
            vectors!.write(point, at: vectors!.pointOffset)
            self.pointID = pointID
        }
        var request = try request(Scalar.self, components, pointID: pointID, slot: slot, draw: draw)
        request.id = try send(request)
        outstanding.append(request)
    }

    /// Waits for the answer to the oldest request.
    /// - Returns: fᵢ of its components; the gradient is in its slot.
    func finish() throws -> [Double] {
        try surviving {
            if process == nil {
                try connect()
                for index in outstanding.indices { outstanding[index].id = try send(outstanding[index]) }
            }
            let request = outstanding[0]
            let seconds = settings.secondsPerComponent * Double(max(1, request.components.count))
            let answer = try answer(to: request.id, seconds: seconds, components: request.components.count)
            guard let losses = answer.losses, losses.count == request.components.count else {
                throw fault(
                    "answers a gradient without its losses", expected: "\(request.components.count) losses",
                    found: answer.losses.map { "\($0.count)" } ?? "none")
            }
            outstanding.removeFirst()
            deaths = 0
            return losses.map(\.value)
        }
    }

    func read<Scalar: ParameterScalar>(slot: Int, into gradient: inout [Scalar]) {
        vectors!.read(vectors!.offset(ofSlot: slot), into: &gradient)
    }

    /// The point as the process has left it.
    func readPoint<Scalar: ParameterScalar>(into point: inout [Scalar]) {
        vectors!.read(vectors!.pointOffset, into: &point)
    }

    func write<Scalar: ParameterScalar>(_ gradient: [Scalar], slot: Int) {
        vectors!.write(gradient, at: vectors!.offset(ofSlot: slot))
    }

    /// Asks it to end, and ends it if it does not.
    func end() {
        if let process, outstanding.isEmpty {
            lastID += 1
            process.send("{\"id\":\(lastID),\"request\":\"goodbye\"}")
            process.stop(patience: .seconds(2))
        }
        abandon()
    }

    /// After a fault: nothing that it may still answer is of use.
    func abandon() {
        process = nil
        outstanding = []
    }

    /// The process alone, as an accident would end it.
    func kill() { process?.stop() }

    // MARK: the connection

    private func prepareVectors() throws {
        guard vectors == nil else { return }
        vectors = try SharedVectors(parameterCount: description!.layout.count)
    }

    private func request<Scalar: ParameterScalar>(
        _ scalar: Scalar.Type, _ components: [Int], pointID: Int, slot: Int?, draw: UInt64
    ) throws -> GradientRequest {
        GradientRequest(
            precision: Scalar.scalarName, memory: vectors!.path, bytes: vectors!.byteCount, point: vectors!.pointOffset,
            pointID: pointID, gradient: slot.map { vectors!.offset(ofSlot: $0) }, components: components, draw: draw)
    }

    private func connect() throws {
        guard process == nil else { return }
        process = try ChildProcess(
            command: settings.command,
            environment: [
                "SMOOTHNESS_WORKER": "\(index)", "SMOOTHNESS_WORKERS": "\(settings.workerCount)",
                "PYTHONUNBUFFERED": "1",
            ], withheld: settings.withheldVariables)
        lastID += 1
        process!.send(
            "{\"id\":\(lastID),\"request\":\"version\",\"protocol\":\(GradientProtocol.version),\"software\":\""
                + "\(Software.name) \(Software.version)\",\"worker\":\(index),\"workers\":\(settings.workerCount)}")
        let hello = try answer(to: lastID, seconds: settings.secondsPerComponent, isFirst: true)
        guard hello.protocol == GradientProtocol.version else {
            throw fault(
                "speaks another version of the protocol", expected: "\(GradientProtocol.version)",
                found: hello.protocol.map { "\($0)" } ?? "none")
        }
        software = hello.software ?? ""
        lastID += 1
        process!.send("{\"id\":\(lastID),\"request\":\"describe\"}")
        let text = try line(
            answering: lastID, seconds: settings.secondsPerComponent, limit: ChildProcess.longestLine)
        let found: GradientDescription
        do { found = try JSONDecoder().decode(GradientDescription.self, from: Data(text.utf8)) } catch {
            throw fault("describes itself wrongly (\(Self.reason(error)))", found: Self.excerpt(text))
        }
        try found.validate()
        if let description, description != found {
            let isOtherData = description.digest != found.digest
            throw fault(
                "describes another function than the first time" + (isOtherData ? ", on other data" : "")
                    + "; it must be the same in every process",
                remedy: isOtherData ? "Seed what makes, shuffles or augments its data" : nil)
        }
        description = found
    }

    /// - Returns: the number of the request.
    private func send(_ request: GradientRequest) throws -> Int {
        var request = request
        lastID += 1
        request.id = lastID
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        process?.send(String(decoding: try encoder.encode(request), as: UTF8.self))
        return lastID
    }

    private func answer(
        to id: Int, seconds: Double, components: Int = 0, isFirst: Bool = false
    ) throws -> GradientAnswer {
        let text = try line(
            answering: id, seconds: seconds, limit: Self.longestAnswer + Self.longestNumber * components,
            isFirst: isFirst)
        do { return try JSONDecoder().decode(GradientAnswer.self, from: Data(text.utf8)) } catch {
            throw fault("gives an answer that cannot be read (\(Self.reason(error)))", found: Self.excerpt(text))
        }
    }

    /// Waits for the line that answers a request, and throws what it reports.
    /// - Parameter isFirst: lines that are none of the protocol's are what the script prints before it begins to serve.
    /// - Parameter limit: bytes beyond which no answer of this kind goes.
    private func line(answering id: Int, seconds: Double, limit: Int, isFirst: Bool = false) throws -> String {
        struct Head: Decodable {
            var id: Int?
            var error: String?
        }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var (lines, bytes) = (0, 0)
        while true {
            let text = try process!.line(before: deadline, ofAtMost: limit, isCancelled: settings.isCancelled)
            guard text.first(where: { !$0.isWhitespace }) == "{",
                let head = try? JSONDecoder().decode(Head.self, from: Data(text.utf8)),
                head.id != nil || head.error != nil
            else {
                if isFirst {
                    process!.note((text + "\n").utf8)
                    (lines, bytes) = (lines + 1, bytes + text.utf8.count)
                    guard lines <= Self.mostLines, bytes <= Self.mostBytes else {
                        throw fault(
                            "prints without end and does not answer", expected: "an answer to request \(id)",
                            found: "\(lines) other lines on standard output, the last \(Self.excerpt(text))")
                    }
                    continue
                }
                throw fault(
                    Self.hasBareNaN(text)
                        ? "writes NaN or Infinity as a number, which JSON has not; it must be a text, as \"NaN\""
                        : "prints to standard output, which belongs to the protocol; print to standard error instead",
                    expected: "an answer to request \(id)", found: Self.excerpt(text))
            }
            if let error = head.error {
                throw fault("reports: \(error.count > 2000 ? error.prefix(2000) + "…" : error)")
            }
            guard head.id == id else {
                throw fault("answers another request", expected: "id \(id)", found: "id \(head.id ?? -1)")
            }
            return text
        }
    }

    // MARK: failures

    /// Does something with a process, and again with a new one where it has died.
    private func surviving<Result>(_ work: () throws -> Result) throws -> Result {
        while true {
            do { return try work() } catch let failure as ChildProcess.Failure {
                switch failure {
                case .timedOut:
                    throw fault(
                        "has not answered for \(settings.secondsPerComponent) s a component", kind: .inputOutput,
                        remedy: "Give it more with --oracle-timeout")
                case .cancelled:
                    abandon()
                    throw SmoothnessError(.interrupted, "stopped while a gradient was waited for")
                case .endlessLine: throw fault("prints a line without end")
                case .ended:
                    deaths += 1
                    guard deaths > Self.patience else {
                        process = nil
                        restartCount += 1
                        continue
                    }
                    let end = process?.stop() ?? "ended"
                    throw fault("\(end), \(deaths) times without an answer", kind: .inputOutput)
                }
            } catch {
                abandon()
                throw error
            }
        }
    }

    /// An error with the last words of the process, which is of no use any more.
    private func fault(
        _ text: String, kind: SmoothnessError.Kind = .data, expected: String? = nil, found: String? = nil,
        remedy: String? = nil
    ) -> SmoothnessError {
        process?.stop()
        let words = process?.lastWords ?? ""
        abandon()
        let remarks = [remedy, words.isEmpty ? nil : "Its last words on standard error:\n\(words)"].compactMap { $0 }
        return SmoothnessError(
            kind, "the gradient process \(text)", object: settings.command, expected: expected, found: found,
            remedy: remarks.isEmpty ? nil : remarks.joined(separator: ". "))
    }

    private static func excerpt(_ text: String) -> String {
        "'\(text.prefix(80))\(text.count > 80 ? "…" : "")'"
    }

    private static func hasBareNaN(_ text: String) -> Bool {
        text.hasPrefix("{") && (text.contains("NaN") || text.contains("Infinity"))
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        return SmoothnessError(decoding: error, what: "the answer", file: nil, object: nil).description
    }
}
