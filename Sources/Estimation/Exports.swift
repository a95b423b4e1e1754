// Until every importer names the module that it uses.
@_exported import Evaluation
@_exported import Measurement
