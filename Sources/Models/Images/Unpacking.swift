import CImageCodecs
import Essentials

/// What a library for images found wrong with a file.
extension SmoothnessError {
    init(_ failure: smoothness_codec_failure, file: String, object: String? = nil, expected: String) {
        var failure = failure
        var text = [CChar](repeating: 0, count: 200)
        smoothness_codec_message(&failure, &text, text.count)
        let message = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.init(
            .data, "cannot be decoded at offset \(failure.offset)", file: file, object: object, expected: expected,
            found: message)
    }
}
