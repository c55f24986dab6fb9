# The client library lives in engines, which bring a UCX of their own: a program that links it must
# not name any symbol of UCX. cmake -DNM=… -DPROGRAM=… -P no_ucx_symbols.cmake
execute_process(COMMAND ${NM} ${PROGRAM} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES "pegaflow7Session7connect")
  message(FATAL_ERROR "${PROGRAM} does not contain the client library: nothing was checked")
endif()
if(symbols MATCHES "[^\n]* uc[pst]_[^\n]*")
  message(FATAL_ERROR "${PROGRAM} uses UCX: ${CMAKE_MATCH_0}")
endif()
