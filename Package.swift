// swift-tools-version: 6.1
// The house of `smoothness`: every target names only targets above it in this file.
import Foundation
import PackageDescription

/// LibTorch comes from the system (`libtorch-dev`) or, with LIBTORCH=<dir>, from any directory that holds
/// `include/` and `lib/`: an unpacked zip, or the `torch` folder inside an installed PyTorch.
let libTorch = Context.environment["LIBTORCH"].flatMap { $0.isEmpty ? nil : $0 }

/// PyTorch's headers moved on to C++20; the 1.13 of the distributions compiles as C++17. TorchLibrary itself is C++17.
let torchCompilerFlags: [String] =
    libTorch.map {
        ["-isystem", "\($0)/include", "-isystem", "\($0)/include/torch/csrc/api/include"]
    } ?? ["-isystem", "/usr/include/torch/csrc/api/include"]

let torchLinkerSettings: [LinkerSetting] = {
    var settings: [LinkerSetting] = []
    if let libTorch {
        settings.append(.unsafeFlags(["-L\(libTorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libTorch)/lib"]))
        if FileManager.default.fileExists(atPath: "\(libTorch)/lib/libtorch_cuda.so") {
            // Nothing refers to the CUDA library by symbol; without this the linker would drop it.
            settings.append(
                .unsafeFlags(["-Xlinker", "--no-as-needed", "-ltorch_cuda", "-Xlinker", "--as-needed"]))
        }
    }
    return settings + [.linkedLibrary("torch"), .linkedLibrary("torch_cpu"), .linkedLibrary("c10")]
}()

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "smoothness",
    products: [
        .executable(name: "smoothness", targets: ["smoothness"]),
        .library(
            name: "SmoothnessKit",
            targets: [
                "RunFiles", "Interchange", "Evaluation", "Measurement", "Formulas", "Models", "GradientProcess",
                "Training", "Estimation", "Fitting", "Theory", "Analysis", "Reporting", "Batching",
            ]),
        .library(name: "HDF5", targets: ["HDF5"]),
        .library(name: "Torch", targets: ["Torch"]),
        // What needs LibTorch, loaded by the program when it computes.
        .library(name: "smoothness-torch", type: .dynamic, targets: ["TorchLibrary"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2"))
    ],
    targets: [
        // C and C++: all that is unsafe.
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        .target(name: "CHDF5Examination", dependencies: ["CHDF5"]),
        .target(
            name: "TorchLibrary",
            cxxSettings: [.unsafeFlags(torchCompilerFlags), .headerSearchPath("../CTorch/include")],
            linkerSettings: torchLinkerSettings),
        .target(name: "CTorch"),
        .target(name: "CDigest", linkerSettings: [.linkedLibrary("crypto"), .linkedLibrary("z")]),
        .target(
            name: "CImageCodecs",
            linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png16")]),
        .target(name: "CArchives", linkerSettings: [.linkedLibrary("z")]),
        .target(name: "CSorting", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CInterprocess"),
        .target(name: "CVectorKernels", cSettings: [.unsafeFlags(["-O3"])]),

        // Libraries that know nothing of this project.
        .target(name: "HDF5", dependencies: ["CHDF5", "CHDF5Examination"]),
        .target(name: "Torch", dependencies: ["CTorch"]),
        .target(name: "Interprocess", dependencies: ["CInterprocess"]),

        // The measurement, from the vocabulary of vectors up.
        .target(name: "Essentials", dependencies: ["CDigest"]),
        .target(name: "ParameterSpace", dependencies: ["CVectorKernels"]),
        .target(name: "Evaluation", dependencies: ["Essentials", "ParameterSpace"]),
        // What conforms to Objective. Only the command line names these; what measures knows them by the registry of Evaluation.
        .target(name: "Formulas", dependencies: ["Essentials", "ParameterSpace", "Evaluation"]),
        .target(
            name: "Models",
            dependencies: ["Essentials", "Archives", "ParameterSpace", "Evaluation", "Torch", "HDF5", "CImageCodecs"]),
        .target(
            name: "GradientProcess",
            dependencies: ["Essentials", "ParameterSpace", "Evaluation", "Interprocess", "CInterprocess"]),
        .target(name: "RunFiles", dependencies: ["Essentials", "ParameterSpace", "HDF5"]),
        // Files of other programs: what packs bytes and values, and tensors in such files.
        .target(name: "Archives", dependencies: ["Essentials", "CArchives"]),
        .target(
            name: "Interchange", dependencies: ["Essentials", "ParameterSpace", "HDF5", "RunFiles", "Archives"]),
        .target(name: "Training", dependencies: ["Essentials", "ParameterSpace", "Evaluation", "RunFiles"]),
        .target(name: "Measurement", dependencies: ["Essentials", "ParameterSpace", "Evaluation"]),
        .target(
            name: "Estimation",
            dependencies: [
                "Essentials", "ParameterSpace", "Evaluation", "Measurement", "RunFiles", "HDF5",
            ]),
        .target(name: "Fitting", dependencies: ["Essentials", "CSorting"]),
        .target(name: "Theory", dependencies: ["Essentials", "ParameterSpace", "Evaluation", "Formulas", "Fitting"]),
        .target(
            name: "Analysis", dependencies: ["Essentials", "Evaluation", "RunFiles", "Estimation", "Fitting", "HDF5"]),
        .target(name: "Reporting", dependencies: ["Essentials", "Archives", "Fitting", "Analysis", "Interprocess"]),
        .target(
            name: "Batching",
            dependencies: [
                "Essentials", "Interprocess", "RunFiles", "Evaluation", "Estimation", "Fitting", "Analysis",
                "Reporting",
                "HDF5",
            ]),
        .executableTarget(
            name: "smoothness",
            dependencies: [
                "Essentials", "ParameterSpace", "Evaluation", "Formulas", "Models", "GradientProcess", "RunFiles",
                "Training", "Estimation", "Fitting", "Theory", "Analysis", "Reporting", "Batching", "Interchange",
                "HDF5", "Torch", "Interprocess",
                argumentParser,
            ],
            // The Python half, inside the program: it must work wherever the program is copied.
            resources: [
                "parameters", "runfile", "components", "sources", "serving", "optimizers", "recorder", "callbacks",
            ].map { .embedInCode("Bridge/\($0).py") }),
        // Tests mirror Sources; CommandLineTests runs the built program.
        .target(name: "TestSupport", dependencies: ["Interprocess", "Essentials"], path: "Tests/TestSupport"),
        .testTarget(name: "EssentialsTests", dependencies: ["Essentials", "TestSupport"]),
        .testTarget(name: "ArchivesTests", dependencies: ["Archives", "Essentials", "TestSupport"]),
        .testTarget(name: "InterprocessTests", dependencies: ["Interprocess", "TestSupport"]),
        .testTarget(name: "ParameterSpaceTests", dependencies: ["ParameterSpace", "Essentials"]),
        .testTarget(name: "HDF5Tests", dependencies: ["HDF5", "TestSupport"], exclude: ["Twins"]),
        .testTarget(name: "TorchTests", dependencies: ["Torch", "TestSupport"]),
        .testTarget(
            name: "FormulasTests",
            dependencies: ["Formulas", "Evaluation", "Essentials", "ParameterSpace", "TestSupport"],
            exclude: ["Twins"]),
        .testTarget(
            name: "ModelsTests",
            dependencies: [
                "Models", "Formulas", "GradientProcess", "Evaluation", "Essentials", "ParameterSpace", "Torch",
                "TestSupport",
            ],
            exclude: ["Twins"]),
        .target(
            name: "RunFileFixture", dependencies: ["RunFiles", "Essentials", "ParameterSpace"],
            path: "Tests/RunFileFixture"),
        // A program that tests start in order to kill it.
        .executableTarget(
            name: "run-file-writer", dependencies: ["RunFileFixture"], path: "Tests/RunFileWriterProgram"),
        // What Tests/Benchmarks/gradient_speed.py holds against PyTorch.
        .executableTarget(
            name: "gradient-benchmark",
            dependencies: ["Models", "Evaluation", "ParameterSpace", "Essentials", "Torch"],
            path: "Tests/Benchmarks/GradientBenchmark"),
        // Coverage of the intervals and speed of the fits.
        .executableTarget(
            name: "fitting-benchmark", dependencies: ["Fitting", "FittingFixture", "Essentials"],
            path: "Tests/Benchmarks/FittingBenchmark"),
        .target(name: "FittingFixture", dependencies: ["Fitting", "Essentials"], path: "Tests/FittingFixture"),
        .testTarget(
            name: "RunFilesTests",
            dependencies: [
                "RunFiles", "Essentials", "ParameterSpace", "HDF5", "TestSupport", "RunFileFixture", "run-file-writer",
            ], exclude: ["Twins"]),
        .testTarget(
            name: "InterchangeTests",
            dependencies: ["Interchange", "RunFiles", "Essentials", "ParameterSpace", "HDF5", "TestSupport"],
            exclude: ["Twins"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "Essentials", "ParameterSpace", "Evaluation", "Formulas", "Models", "RunFiles",
                "TestSupport",
            ],
            exclude: ["Twins"]),
        .testTarget(
            name: "EstimationTests",
            dependencies: [
                "smoothness", "Estimation", "Training", "Essentials", "ParameterSpace", "Evaluation", "Formulas",
                "Models", "RunFiles",
                "HDF5",
                "Torch",
                "TestSupport",
            ], exclude: ["Twins"]),
        .testTarget(
            name: "FittingTests", dependencies: ["Fitting", "FittingFixture", "Essentials", "TestSupport"],
            exclude: ["Twins"]),
        .testTarget(
            name: "TheoryTests",
            dependencies: ["smoothness", "Theory", "Essentials", "Evaluation", "Formulas", "TestSupport"],
            exclude: ["Twins"]),
        .testTarget(name: "AnalysisTests", dependencies: ["Analysis", "Fitting", "Essentials", "TestSupport"]),
        .testTarget(
            name: "ReportingTests", dependencies: ["Reporting", "Analysis", "Fitting", "Essentials", "TestSupport"],
            exclude: ["Twins"]),
        .testTarget(
            name: "BatchingTests",
            dependencies: [
                "Interprocess",
                "smoothness", "Batching", "Essentials", "Evaluation", "Formulas", "RunFiles", "Training", "Estimation",
                "Fitting",
                "HDF5", "TestSupport",
            ]),
        .testTarget(
            name: "CommandLineTests", dependencies: ["smoothness", "HDF5", "Essentials", "TestSupport"],
            exclude: ["Twins"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
