import Foundation
import Interprocess
import TestSupport
import Testing

@Suite("Other processes") struct SpawnedProcessTests {
    @Test func tellsHowItEnded() throws {
        #expect(try SpawnedProcess("/bin/sh", ["-c", "exit 3"]).wait() == .exit(3))
        #expect(try SpawnedProcess("/bin/sh", ["-c", "kill -9 $$"]).wait() == .signal(9))
        let process = try SpawnedProcess("/bin/sleep", ["1000"])
        #expect(process.isRunning)
        process.send(signal: SIGTERM)
        #expect(process.wait() == .signal(SIGTERM))
        #expect(process.wait() == .signal(SIGTERM))
        #expect(!process.isRunning)
        // To nobody: another process may have its number by now.
        process.send(signal: SIGKILL)
    }

    @Test("what a program has left running is not waited for", .timeLimit(.minutes(5))) func leavesOthers() throws {
        let folder = try TemporaryFolder()
        let process = try SpawnedProcess(
            "/bin/sh", ["-c", "sleep 1000 & echo $! > left; exit 5"], directory: folder.url.path)
        #expect(process.wait() == .exit(5))
        let left = try #require(Int32(String(contentsOfFile: folder.path("left"), encoding: .utf8).dropLast()))
        #expect(kill(left, 0) == 0)
        // It is in the group of the one that started it.
        #expect(kill(-process.identifier, SIGKILL) == 0)
    }

    @Test("it gets its streams, its folder and its environment, and no other open file") func inheritsNothing() throws {
        let folder = try TemporaryFolder()
        try Data("one\n".utf8).write(to: URL(filePath: folder.path("in")))
        try Data().write(to: URL(filePath: folder.path("out")))
        let input = try FileHandle(forReadingFrom: URL(filePath: folder.path("in")))
        let output = try FileHandle(forWritingTo: URL(filePath: folder.path("out")))
        let end = try SpawnedProcess(
            "/bin/sh", ["-c", #"cat; echo "$WORD"; pwd -P; ls /proc/$$/fd"#, "sh"], environment: ["WORD": "two three"],
            directory: folder.url.path, input: .descriptor(input.fileDescriptor),
            output: .descriptor(output.fileDescriptor)
        ).wait()
        #expect(end == .exit(0))
        let lines = try String(contentsOfFile: folder.path("out"), encoding: .utf8).split(separator: "\n").map(
            String.init)
        #expect(lines.prefix(2) == ["one", "two three"])
        #expect(lines.dropFirst(2).first == folder.url.resolvingSymlinksInPath().path)
        #expect(lines.dropFirst(3) == ["0", "1", "2"])
    }

    @Test func beginsWithNoSignalBlocked() throws {
        let folder = try TemporaryFolder()
        try Data().write(to: URL(filePath: folder.path("mask")))
        let output = try FileHandle(forWritingTo: URL(filePath: folder.path("mask")))
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let process = Result {
            try SpawnedProcess(
                "/bin/grep", ["SigBlk", "/proc/self/status"], output: .descriptor(output.fileDescriptor))
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
        #expect(try process.get().wait() == .exit(0))
        #expect(try String(contentsOfFile: folder.path("mask"), encoding: .utf8) == "SigBlk:\t0000000000000000\n")
    }

    @Test func saysWhyThereIsNone() throws {
        let failure = #expect(throws: SpawnedProcess.Failure.self) { try SpawnedProcess("/no/such/program", []) }
        #expect(failure?.code == ENOENT)
        #expect(failure.map(String.init(describing:)) == "No such file or directory")
    }

    @Test("many at once") func manyAtOnce() throws {
        DispatchQueue.concurrentPerform(iterations: 200) { index in
            let end = try? SpawnedProcess("/bin/sh", ["-c", "exit \(index)"]).wait()
            #expect(end == .exit(Int32(index)))
        }
    }
}
