// What Swift cannot import from <hdf5.h>: macros that expand to `(H5open(), variable)`, casts inside macros, and
// constants that would arrive with the wrong type. Nothing here has a state or an opinion.
#ifndef CHDF5_SHIM_H
#define CHDF5_SHIM_H

#include <hdf5.h>
#include <stdlib.h>

// H5P_DEFAULT and H5S_ALL arrive in Swift as Int32; identifiers are 64 bits wide.
static inline hid_t chdf5_default(void) { return (hid_t)H5P_DEFAULT; }
static inline hid_t chdf5_all(void) { return (hid_t)H5S_ALL; }
static inline hid_t chdf5_error_default(void) { return (hid_t)H5E_DEFAULT; }
static inline hsize_t chdf5_unlimited(void) { return H5S_UNLIMITED; }
static inline haddr_t chdf5_undefined_address(void) { return HADDR_UNDEF; }

// Flags that are macros around `H5CHECK H5OPEN`.
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned chdf5_exclusive(void) { return H5F_ACC_EXCL; }

// The newest version that the library knows; the name is a macro for another.
static inline H5F_libver_t chdf5_latest_version(void) { return H5F_LIBVER_LATEST; }

// Property list classes are variables behind `H5OPEN`.
static inline hid_t chdf5_file_access_list(void) { return H5Pcreate(H5P_FILE_ACCESS); }
static inline hid_t chdf5_dataset_creation_list(void) { return H5Pcreate(H5P_DATASET_CREATE); }
static inline hid_t chdf5_group_creation_list(void) { return H5Pcreate(H5P_GROUP_CREATE); }
static inline hid_t chdf5_link_creation_list(void) { return H5Pcreate(H5P_LINK_CREATE); }

// Types of the numbers in memory (native) and in the file (IEEE or two's complement, little-endian).
#define CHDF5_TYPE(name, native, stored)                              \
  static inline hid_t chdf5_native_##name(void) { return native; }    \
  static inline hid_t chdf5_stored_##name(void) { return stored; }
CHDF5_TYPE(float32, H5T_NATIVE_FLOAT, H5T_IEEE_F32LE)
CHDF5_TYPE(float64, H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE)
CHDF5_TYPE(int8, H5T_NATIVE_INT8, H5T_STD_I8LE)
CHDF5_TYPE(int16, H5T_NATIVE_INT16, H5T_STD_I16LE)
CHDF5_TYPE(int32, H5T_NATIVE_INT32, H5T_STD_I32LE)
CHDF5_TYPE(int64, H5T_NATIVE_INT64, H5T_STD_I64LE)
CHDF5_TYPE(uint8, H5T_NATIVE_UINT8, H5T_STD_U8LE)
CHDF5_TYPE(uint16, H5T_NATIVE_UINT16, H5T_STD_U16LE)
CHDF5_TYPE(uint32, H5T_NATIVE_UINT32, H5T_STD_U32LE)
CHDF5_TYPE(uint64, H5T_NATIVE_UINT64, H5T_STD_U64LE)
#undef CHDF5_TYPE

// A new variable-length UTF-8 string type: what h5py calls `str`. H5T_VARIABLE is a cast inside a macro.
static inline hid_t chdf5_string_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

// A new enumeration of FALSE and TRUE over int8: what h5py reads and writes as a truth value.
static inline hid_t chdf5_bool_type(void) {
  signed char no = 0, yes = 1;
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  if (type >= 0 && (H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

// What a link is: H5L_TYPE_HARD, H5L_TYPE_SOFT, H5L_TYPE_EXTERNAL, …; H5L_TYPE_ERROR where there is none. The structure's name is a macro.
static inline H5L_type_t chdf5_link_type(hid_t location, const char *name) {
  H5L_info_t information;
  return H5Lget_info(location, name, &information, H5P_DEFAULT) < 0 ? H5L_TYPE_ERROR : information.type;
}

// The library's own locks keep readers out of a file that is being written. The function is missing from 1.12.0.
static inline herr_t chdf5_disable_file_locking(hid_t access) {
#if H5_VERSION_GE(1, 12, 1) || (H5_VERS_MINOR == 10 && H5_VERS_RELEASE >= 7)
  return H5Pset_file_locking(access, 0, 1);
#else
  (void)access;
  return setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
#endif
}

// H5Fis_hdf5 gave way to H5Fis_accessible in 1.12.
static inline htri_t chdf5_is_hdf5(const char *path) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Fis_accessible(path, H5P_DEFAULT);
#else
  return H5Fis_hdf5(path);
#endif
}

// H5Dvlen_reclaim gave way to H5Treclaim in 1.12.
static inline herr_t chdf5_reclaim_with(hid_t type, hid_t space, hid_t transfer, void *buffer) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Treclaim(type, space, transfer, buffer);
#else
  return H5Dvlen_reclaim(type, space, transfer, buffer);
#endif
}
static inline herr_t chdf5_reclaim(hid_t type, hid_t space, void *buffer) {
  return chdf5_reclaim_with(type, space, H5P_DEFAULT, buffer);
}

// Whether a type is an integer or a floating-point number laid out as processors have them, of either byte order and of at most eight
// bytes. Conversions of others (bits left out, fields that overlap) are paths of the library that only damaged files reach.
static inline int chdf5_is_plain_number(hid_t type) {
  size_t size = H5Tget_size(type), bits = size * 8;
  if (size != 1 && size != 2 && size != 4 && size != 8) return 0;
  H5T_order_t order = H5Tget_order(type);
  if ((order != H5T_ORDER_LE && order != H5T_ORDER_BE) || H5Tget_offset(type) != 0 || H5Tget_precision(type) != bits) return 0;
  if (H5Tget_class(type) == H5T_INTEGER) return 1;
  size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
  if (H5Tget_class(type) != H5T_FLOAT ||
      H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0)
    return 0;
  return sign == bits - 1 && mantissa == 0 && exponent == mantissa_bits && exponent + exponent_bits == sign && mantissa_bits > 0 &&
         exponent_bits > 0 && exponent_bits <= 11;
}

// The names of a group's members, or of an object's attributes, in alphabetical order. The visitor must not call the library.
typedef void (*chdf5_name_visitor)(const char *name, void *data);
typedef struct {
  chdf5_name_visitor visitor;
  void *data;
} chdf5_visit;
static inline herr_t chdf5_visit_member(hid_t group, const char *name, const H5L_info_t *information, void *visit) {
  (void)group, (void)information;
  ((chdf5_visit *)visit)->visitor(name, ((chdf5_visit *)visit)->data);
  return 0;
}
static inline herr_t chdf5_each_member(hid_t group, chdf5_name_visitor visitor, void *data) {
  chdf5_visit visit = {visitor, data};
  return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, chdf5_visit_member, &visit);
}
static inline herr_t chdf5_visit_attribute(hid_t object, const char *name, const H5A_info_t *information, void *visit) {
  (void)object, (void)information;
  ((chdf5_visit *)visit)->visitor(name, ((chdf5_visit *)visit)->data);
  return 0;
}
static inline herr_t chdf5_each_attribute(hid_t object, chdf5_name_visitor visitor, void *data) {
  chdf5_visit visit = {visitor, data};
  return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, chdf5_visit_attribute, &visit);
}

// Where an open object's header lies in its file: the same for every path that leads to it. HADDR_UNDEF on failure.
static inline haddr_t chdf5_address(hid_t object) {
#if H5_VERSION_GE(1, 12, 0)
  H5O_info1_t information;
  return H5Oget_info1(object, &information) < 0 ? HADDR_UNDEF : information.addr;
#else
  H5O_info_t information;
  return H5Oget_info(object, &information) < 0 ? HADDR_UNDEF : information.addr;
#endif
}

#endif
