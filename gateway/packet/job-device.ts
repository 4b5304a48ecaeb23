/** Name of the job's one interface, as containers have it. */
export const jobDevice = 'eth0'
